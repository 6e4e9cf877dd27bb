use super::*;

#[test]
fn parts_of_texts_are_cut_by_character() {
    let t = "héλ😀o";
    check(&[
        ("UPPER", vec![v(t)], "HÉΛ😀O: STRING"),
        ("UPPER", vec![s("ab")], "AB: CHAR(2) NOT NULL"),
        ("INITCAP", vec![v(t)], "Héλ😀O: STRING"),
        ("INITCAP", vec![v("hello woRLD")], "Hello World: STRING"),
        ("CHAR_LENGTH", vec![v(t)], "5: INT"),
        ("REVERSE", vec![v(t)], "o😀λéh: STRING"),
        ("SUBSTRING", vec![v(t), i(2), i(3)], "éλ😀: STRING"),
        ("SUBSTR", vec![v(t), i(-3)], "λ😀o: STRING"),
        ("SUBSTRING", vec![v(t), i(0)], "héλ😀o: STRING"),
        ("SUBSTRING", vec![v(t), i(1), i(0)], ": STRING"),
        ("SUBSTRING", vec![s("abc"), i(5)], ": VARCHAR(3)"),
        ("SUBSTRING", vec![s("abc"), i(-10)], ": VARCHAR(3)"),
        ("LEFT", vec![v(t), i(2)], "hé: STRING"),
        ("LEFT", vec![s("abc"), i(-1)], ": VARCHAR(3)"),
        ("RIGHT", vec![v(t), i(2)], "😀o: STRING"),
        ("REPEAT", vec![s("x"), i(-1)], ": STRING NOT NULL"),
        ("REPEAT", vec![v("wo"), i(2)], "wowo: STRING"),
        ("LPAD", vec![v(t), i(8), s("*")], "**héλ😀o: STRING"),
        ("RPAD", vec![v("hello"), i(8), s("ab")], "helloaba: STRING"),
        ("LPAD", vec![v("hello"), i(2), s("*")], "he: STRING"),
        ("LPAD", vec![v("hello"), i(5), s("")], "NULL: STRING"),
        ("OVERLAY", vec![v(t), s("XX"), i(2), i(1)], "hXXλ😀o: STRING"),
        ("OVERLAY", vec![v("50%"), s("XX"), i(2)], "5XX: STRING"),
        ("OVERLAY", vec![v(""), s("XX"), i(2)], ": STRING"),
        ("SPLIT_INDEX", vec![v("hello"), s("l"), i(1)], ": STRING"),
        ("SPLIT_INDEX", vec![v("hello"), s("l"), i(9)], "NULL: STRING"),
        ("SPLIT_INDEX", vec![v(""), s("l"), i(0)], "NULL: STRING"),
        ("SPLIT_INDEX", vec![s("a,b"), s(","), i(-1)], "NULL: STRING"),
    ]);
}

#[test]
fn texts_are_searched_and_joined() {
    let t = "héλ😀o";
    check(&[
        ("POSITION", vec![s("l"), v("hello")], "3: INT"),
        ("POSITION", vec![s("b"), s("abc")], "2: INT NOT NULL"),
        ("LOCATE", vec![s("l"), v("hello"), i(4)], "4: INT"),
        ("LOCATE", vec![s("l"), v(""), i(4)], "0: INT"),
        ("INSTR", vec![v(t), s("o")], "5: INT"),
        ("INSTR", vec![v("corporate floor"), s("or"), i(3), i(2)], "14: INT"),
        ("INSTR", vec![v("corporate floor"), s("or"), i(-3), i(2)], "2: INT"),
        ("TRIM", vec![s("BOTH"), s("h"), v("hello")], "ello: STRING"),
        ("TRIM", vec![s("LEADING"), s(" "), v("  hi  ")], "hi  : STRING"),
        ("TRIM", vec![s("BOTH"), s(" "), s(" a ")], "a: VARCHAR(3) NOT NULL"),
        ("LTRIM", vec![v("  hi  ")], "hi  : STRING"),
        ("RTRIM", vec![v("xxhixx"), s("x")], "xxhi: STRING"),
        ("REPLACE", vec![v("hello"), s("l"), s("L")], "heLLo: STRING"),
        ("||", vec![v("a"), v("b")], "ab: STRING"),
        ("||", vec![s("a"), s("bc")], "abc: CHAR(3) NOT NULL"),
        ("||", vec![v("a"), null(TypeKind::STRING)], "NULL: STRING"),
        ("CONCAT", vec![v("a"), s("-"), v("b")], "a-b: STRING"),
        ("CONCAT_WS", vec![s("~"), null(TypeKind::STRING), v("x"), s("z")], "x~z: STRING"),
        ("IS_ALPHA", vec![v("aé")], "TRUE: BOOLEAN NOT NULL"),
        ("IS_DIGIT", vec![v("12a")], "FALSE: BOOLEAN NOT NULL"),
        ("IS_DECIMAL", vec![v("-1.5e3")], "TRUE: BOOLEAN NOT NULL"),
        ("IS_DECIMAL", vec![null(TypeKind::STRING)], "FALSE: BOOLEAN NOT NULL"),
    ]);
}

#[test]
fn patterns_match_as_in_the_oracle() {
    check(&[
        ("REGEXP_REPLACE", vec![v("hello"), s("[aeiou]"), s("<$0>")], "h<$0>ll<$0>: STRING"),
        ("REGEXP_EXTRACT", vec![v("hello"), s("(h)(.)"), i(2)], "e: STRING"),
        ("REGEXP_EXTRACT", vec![v("hello"), s("q")], "NULL: STRING"),
        ("REGEXP_EXTRACT", vec![v("hello"), s("(h)(.)"), i(9)], "NULL: STRING"),
        ("REGEXP", vec![v("hello"), s("^h")], "TRUE: BOOLEAN"),
        ("REGEXP", vec![v(""), s("^h")], "FALSE: BOOLEAN"),
        ("LIKE", vec![v("50%"), s("%\\%%"), s("\\")], "TRUE: BOOLEAN"),
        ("NOT LIKE", vec![v("hello"), s("%l%")], "FALSE: BOOLEAN"),
        ("LIKE", vec![v("hello"), v("h_l%")], "TRUE: BOOLEAN"),
        ("SIMILAR TO", vec![v("hello"), s("(h|H)e.*")], "TRUE: BOOLEAN"),
        ("SIMILAR TO", vec![v("Hello World"), s("(h|H)e.*")], "TRUE: BOOLEAN"),
        ("SIMILAR TO", vec![v("héλ"), s("(h|H)e.*")], "FALSE: BOOLEAN"),
        ("SIMILAR TO", vec![v("abc"), s("a%")], "TRUE: BOOLEAN"),
        ("SIMILAR TO", vec![v("abc"), s("b%")], "FALSE: BOOLEAN"),
    ]);
    let message = error("REGEXP", vec![v("a"), s("(?=a)")]);
    assert!(message.contains("look-around"), "{message}");
}

#[test]
fn texts_are_encoded_and_hashed_as_in_the_oracle() {
    let t = "héλ😀o";
    let bytes = call("ENCODE", vec![v(t), s("UTF-8")]);
    check(&[
        ("ASCII", vec![v("hello")], "104: INT"),
        ("CHR", vec![i(955)], "»: STRING"),
        ("TO_BASE64", vec![v(t)], "aMOpzrvwn5iAbw==: STRING"),
        ("FROM_BASE64", vec![s("aGVsbG8=")], "hello: STRING NOT NULL"),
        ("MD5", vec![v(t)], "80c342dce5e61fa3603fafba821f898c: CHAR(32)"),
        ("SHA1", vec![v("hello")], "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d: CHAR(40)"),
        ("SHA1", vec![v(t)], "cd16fcb55a5e485089017bed716a2a9c098070e5: CHAR(40)"),
        (
            "SHA256",
            vec![s("a")],
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb: CHAR(64) NOT NULL",
        ),
        (
            "SHA2",
            vec![s("a"), i(224)],
            "abd37534c7d9a2efb9465de931cd7055ffdb8879563ae98078d6d6d5: VARCHAR(128) NOT NULL",
        ),
        ("DECODE", vec![bytes, s("UTF-8")], "héλ😀o: STRING"),
        ("ENCODE", vec![s("hé"), s("UTF-16BE")], "x'00': BINARY(1)"),
        ("HEX", vec![v(t)], "68C3A9CEBBF09F98806F: STRING"),
        ("HEX", vec![i(255)], "FF: STRING NOT NULL"),
        (
            "BIN",
            vec![i(-1)],
            "1111111111111111111111111111111111111111111111111111111111111111: STRING NOT NULL",
        ),
        ("HASH_CODE", vec![s("a")], "97: INT NOT NULL"),
    ]);
}

#[test]
fn urls_are_taken_apart_as_in_the_oracle() {
    let url = "http://user@host:80/p/a?x=1&y=2#frag";
    let part = |name: &str, expected| ("PARSE_URL", vec![s(url), s(name)], expected);
    check(&[
        part("HOST", "host: STRING"),
        part("AUTHORITY", "user@host:80: STRING"),
        part("USERINFO", "user: STRING"),
        part("PATH", "/p/a: STRING"),
        part("QUERY", "x=1&y=2: STRING"),
        part("REF", "frag: STRING"),
        part("FILE", "/p/a?x=1&y=2: STRING"),
        part("PROTOCOL", "http: STRING"),
        part("OTHER", "NULL: STRING"),
        ("PARSE_URL", vec![s(url), s("QUERY"), s("y")], "2: STRING"),
        ("PARSE_URL", vec![s("http://h/p"), s("REF")], "NULL: STRING"),
        ("PARSE_URL", vec![s("nothing"), s("HOST")], "NULL: STRING"),
    ]);
}
