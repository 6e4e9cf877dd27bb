//! TLS on real servers: every mode, every certificate that is met, every way to authenticate.

#[path = "support/authority.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    missing_docs,
    reason = "a module of this test, written as one that several may share"
)]
mod authority;
mod support;

use std::sync::Arc;

use authority::{Authority, Files};
use expect_test::{Expect, expect};
use rcgen::{DnType, KeyPair};
use support::{Fixture, LIMIT, connect, spec, told, with};
use tailwater_connector_api::{
    ConnectorError, Dialect, ReadFrom, SinkContext, SinkFactory, SourceContext, SourceFactory,
    TableSpec,
};
use tailwater_connectors::jdbc::{JdbcSinkFactory, JdbcSourceFactory};
use tailwater_connectors::postgres::PostgresCdcFactory;
use tailwater_testkit_postgres::{Cluster, ServerTls, wait_for};
use tailwater_types::TypeKind;

const ORDERS: &str = "CREATE TABLE orders (id int PRIMARY KEY, note text);
    ALTER TABLE orders REPLICA IDENTITY FULL;
    INSERT INTO orders VALUES (1, 'one'), (2, NULL);";
const SSLMODE: &str = "debezium.database.sslmode";
const ROOT: &str = "debezium.database.sslrootcert";
const BINDING: &str = "debezium.database.channelBinding";
const BOTH: &[&str] = &["localhost", "127.0.0.1"];

fn columns() -> [(&'static str, TypeKind); 2] {
    [("id", TypeKind::Int), ("note", TypeKind::STRING)]
}

fn orders(db: &Fixture, options: &[(&str, &str)]) -> TableSpec {
    with(db.cdc(&columns(), &[0]), options)
}

async fn server(tls: ServerTls) -> Fixture {
    Fixture::on(Arc::new(Cluster::builder().tls(tls).start()), ORDERS).await
}

/// Reads the snapshot, waits for the stream, and says how both kinds of connections were protected.
async fn protection(db: &Fixture, options: &[(&str, &str)]) -> Result<String, ConnectorError> {
    let spec = orders(db, options);
    let source = PostgresCdcFactory.plan(&spec).expect("a plan");
    let connected = source.connect(SourceContext::default()).await?;
    let sql = "SELECT coalesce(bool_or(ssl)::text || bool_and(ssl)::text, 'none')
        FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = current_database()
        AND application_name = 'tailwater'";
    let statements = db.text(&format!("{sql} AND backend_type = 'client backend'")).await;
    drop(connected);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await?;
    while reading.rows.len() < 2 {
        reading.step().await?;
    }
    db.settle(&mut reading).await;
    let stream = db.text(&format!("{sql} AND backend_type = 'walsender'")).await;
    let shown = |answer: &str| match answer {
        "truetrue" => "tls".to_owned(),
        "falsefalse" => "plain".to_owned(),
        other => other.to_owned(),
    };
    Ok(format!("{} {}", shown(&statements), shown(&stream)))
}

async fn check(db: &Fixture, options: &[(&str, &str)], expected: Expect) {
    let Err(error) = protection(db, options).await else {
        panic!("connected: {options:?}");
    };
    let port = db.cluster.port().to_string();
    let directories = options.iter().filter_map(|(_, value)| value.rsplit_once('/'));
    let mut masks = vec![port.as_str(), db.database.as_str()];
    masks.extend(directories.map(|(directory, _)| directory));
    expected.assert_eq(&told(&error, &masks));
}

#[tokio::test]
async fn a_server_with_tls_is_met_as_each_mode_says() {
    let (ours, other, files) = (Authority::new("ours"), Authority::new("other"), Files::new());
    let root = files.write("ours.pem", &ours.certificate);
    let wrong = files.write("other.pem", &other.certificate);
    let db = server(ours.server(BOTH, |_| {})).await;
    let modes: [(&[(&str, &str)], &str); 11] = [
        (&[], "tls tls"),
        (&[(SSLMODE, "disable")], "plain plain"),
        (&[(SSLMODE, "allow")], "plain plain"),
        (&[(SSLMODE, "prefer")], "tls tls"),
        (&[(SSLMODE, "require")], "tls tls"),
        (&[(SSLMODE, "require"), (ROOT, &root)], "tls tls"),
        (&[(SSLMODE, "verify-ca"), (ROOT, &root)], "tls tls"),
        (&[(SSLMODE, "verify-full"), (ROOT, &root)], "tls tls"),
        (&[(SSLMODE, "verify-full"), (ROOT, &root), ("hostname", "localhost")], "tls tls"),
        // As libpq has it: what cannot be trusted is no better than nothing, and this mode takes it.
        (&[(SSLMODE, "prefer"), (ROOT, &wrong)], "plain plain"),
        (&[("jdbc.properties.sslfactory", "org.postgresql.ssl.NonValidatingFactory")], "tls tls"),
    ];
    for (options, expected) in modes {
        let found = protection(&db, options).await;
        let found = found.unwrap_or_else(|e| panic!("{options:?}: {e} {:?} {e:?}", e.hint()));
        assert_eq!(found, expected, "{options:?}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        check(&db, &[(SSLMODE, mode), (ROOT, &wrong)], expect![[r#"
            Config: the certificate of the server at "127.0.0.1:..." is not signed by an authority in ".../other.pem"
            hint: set "sslrootcert" to the certificate of the authority that signed it; to see what the server shows: openssl s_client -starttls postgres -showcerts -connect 127.0.0.1:...
        "#]]).await;
    }
    check(&db, &[(SSLMODE, "verify-full"), (ROOT, "system")], expect![[r#"
        Config: the certificate of the server at "127.0.0.1:..." is not signed by an authority in the operating system's roots
        hint: set "sslrootcert" to the certificate of the authority that signed it; to see what the server shows: openssl s_client -starttls postgres -showcerts -connect 127.0.0.1:...
    "#]]).await;
}

#[tokio::test]
async fn a_server_without_tls_is_met_as_each_mode_says() {
    let files = Files::new();
    let root = files.write("root.pem", &Authority::new("any").certificate);
    let db = Fixture::new(ORDERS).await;
    for mode in ["disable", "allow", "prefer"] {
        assert_eq!(protection(&db, &[(SSLMODE, mode)]).await.unwrap(), "plain plain", "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        check(&db, &[(SSLMODE, mode), (ROOT, &root)], expect![[r#"
            Config: the server at "127.0.0.1:..." does not speak TLS
            hint: on the server: ALTER SYSTEM SET ssl = on; with ssl_cert_file and ssl_key_file, then SELECT pg_reload_conf(); or set "sslmode" to prefer or disable to go without
        "#]]).await;
    }
    check(
        &db,
        &[(BINDING, "require")],
        expect![[r#"
        Config: channel binding is required, and the server does not speak TLS
        hint: on the server: ALTER SYSTEM SET ssl = on; or set "channelBinding" to prefer
    "#]],
    )
    .await;
}

#[tokio::test]
async fn names_and_dates_of_a_certificate_decide() {
    let (ours, files) = (Authority::new("ours"), Files::new());
    let root = files.write("ours.pem", &ours.certificate);
    let full = [(SSLMODE, "verify-full"), (ROOT, root.as_str())];
    let chain = [(SSLMODE, "verify-ca"), (ROOT, root.as_str())];
    let named = |names: &[&str], common: &'static str| {
        ours.server(names, |params| params.distinguished_name.push(DnType::CommonName, common))
    };
    let db = server(named(&["db.example.com", "*.example.org"], "127.0.0.1")).await;
    check(&db, &full, expect![[r#"
        Config: the certificate of the server at "127.0.0.1:..." is for "db.example.com", "*.example.org"
        hint: connect to "db.example.com", put this name into the certificate, or set "sslmode" to verify-ca, which asks for no name
    "#]]).await;
    assert_eq!(protection(&db, &chain).await.unwrap(), "tls tls");

    // Without other names the common name is one.
    db.cluster.replace_tls(&named(&[], "127.0.0.1")).await;
    assert_eq!(protection(&db, &full).await.unwrap(), "tls tls");
    db.cluster.replace_tls(&named(&[], "db.example.com")).await;
    check(&db, &full, expect![[r#"
        Config: the certificate of the server at "127.0.0.1:..." is for "db.example.com"
        hint: connect to "db.example.com", put this name into the certificate, or set "sslmode" to verify-ca, which asks for no name
    "#]]).await;

    let expired = ours.server(BOTH, |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    db.cluster.replace_tls(&expired).await;
    check(
        &db,
        &chain,
        expect![[r#"
        Config: the certificate of the server at "127.0.0.1:..." has expired
        hint: renew it on the server, then SELECT pg_reload_conf();
    "#]],
    )
    .await;
    let early = ours.server(BOTH, |params| params.not_before = rcgen::date_time_ymd(2999, 1, 1));
    db.cluster.replace_tls(&early).await;
    check(
        &db,
        &chain,
        expect![[r#"
        Config: the certificate of the server at "127.0.0.1:..." is not valid yet
        hint: compare the clocks of both machines
    "#]],
    )
    .await;
    assert_eq!(protection(&db, &[(SSLMODE, "require")]).await.unwrap(), "tls tls");
}

/// What the manual's recipes make: version 1 signed by one's own authority, and a certificate that
/// is its own root.
#[tokio::test]
async fn certificates_as_the_manual_makes_them_are_taken() {
    let files = Files::new();
    let subject = "-subj /CN=127.0.0.1";
    files.openssl("req -new -x509 -days 9 -nodes -keyout root.key -out root.pem -subj /CN=root");
    files.openssl(&format!("req -new -nodes -keyout v1.key -out v1.csr {subject}"));
    files.openssl(
        "x509 -req -in v1.csr -days 9 -CA root.pem -CAkey root.key -CAcreateserial -out v1.pem",
    );
    files.openssl(&format!(
        "req -new -x509 -days 9 -nodes -keyout self.key -out self.pem {subject}"
    ));
    let text = |name: &str| files.path(name).display().to_string();
    let tls = |name: &str| ServerTls {
        certificate: files.read(&format!("{name}.pem")),
        key: files.read(&format!("{name}.key")),
        client_authority: None,
    };
    let db = server(tls("v1")).await;
    let (root, own) = (text("root.pem"), text("self.pem"));
    let full = |root| [(SSLMODE, "verify-full"), (ROOT, root), (BINDING, "require")];
    assert_eq!(protection(&db, &full(&root)).await.unwrap(), "tls tls");
    check(&db, &full(&own), expect![[r#"
        Config: the certificate of the server at "127.0.0.1:..." is not signed by an authority in ".../self.pem"
        hint: set "sslrootcert" to the certificate of the authority that signed it; to see what the server shows: openssl s_client -starttls postgres -showcerts -connect 127.0.0.1:...
    "#]]).await;
    let other = with(orders(&db, &full(&root)), &[("hostname", "localhost")]);
    assert!(connect(&PostgresCdcFactory, &other, ReadFrom::default()).await.is_err());
    db.cluster.replace_tls(&tls("self")).await;
    assert_eq!(protection(&db, &full(&own)).await.unwrap(), "tls tls");
    assert!(protection(&db, &full(&root)).await.is_err());
}

#[tokio::test]
async fn a_chain_is_followed_to_its_root() {
    let (root, files) = (Authority::new("root"), Files::new());
    let middle = root.below("middle");
    let path = files.write("root.pem", &root.certificate);
    let full = [(SSLMODE, "verify-full"), (ROOT, path.as_str())];
    let alone = middle.server(BOTH, |_| {});
    let chain = format!("{}{}", alone.certificate, middle.certificate);
    let db = server(ServerTls { certificate: chain, ..alone.clone() }).await;
    assert_eq!(protection(&db, &full).await.unwrap(), "tls tls");
    db.cluster.replace_tls(&alone).await;
    assert!(protection(&db, &full).await.is_err());
}

/// A server that is held to TLS 1.2, as old ones are.
#[tokio::test]
async fn tls_1_2_is_spoken() {
    let (ours, files) = (Authority::new("ours"), Files::new());
    let root = files.write("ours.pem", &ours.certificate);
    let cluster = Cluster::builder()
        .tls(ours.server(BOTH, |_| {}))
        .setting("ssl_max_protocol_version", "TLSv1.2")
        .start();
    let db = Fixture::on(Arc::new(cluster), ORDERS).await;
    let options = [(SSLMODE, "verify-full"), (ROOT, root.as_str()), (BINDING, "require")];
    assert_eq!(protection(&db, &options).await.unwrap(), "tls tls");
}

#[tokio::test]
async fn a_channel_is_bound_to_every_certificate_that_names_a_hash() {
    let files = Files::new();
    files.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key");
    let rsa = || KeyPair::from_pem_and_sign_algo(&files.read("rsa.key"), &rcgen::PKCS_RSA_SHA384);
    let signers = [
        Authority::with_key("rsa sha384", rsa().unwrap()),
        Authority::signing_by("p-256", &rcgen::PKCS_ECDSA_P256_SHA256),
        Authority::signing_by("p-384", &rcgen::PKCS_ECDSA_P384_SHA384),
    ];
    let db = server(signers[0].server(BOTH, |_| {})).await;
    for signer in &signers {
        db.cluster.replace_tls(&signer.server(BOTH, |_| {})).await;
        let root = files.write("root.pem", &signer.certificate);
        for binding in ["require", "prefer", "disable"] {
            let options = [(SSLMODE, "verify-full"), (ROOT, root.as_str()), (BINDING, binding)];
            assert_eq!(protection(&db, &options).await.unwrap(), "tls tls", "{binding}");
        }
    }
    let nameless = Authority::signing_by("ed25519", &rcgen::PKCS_ED25519);
    db.cluster.replace_tls(&nameless.server(BOTH, |_| {})).await;
    let root = files.write("root.pem", &nameless.certificate);
    let options = [(SSLMODE, "verify-full"), (ROOT, root.as_str())];
    assert_eq!(protection(&db, &options).await.unwrap(), "tls tls");
    check(&db, &[options[0], options[1], (BINDING, "require")], expect![[r#"
        Config: channel binding is required, and the signature of the server's certificate names no hash to bind to
        hint: Ed25519 and RSA-PSS have none: sign the certificate by RSA or ECDSA with SHA-256, or set "channelBinding" to prefer
    "#]]).await;
}

const ROLES: &str = "SET password_encryption = 'md5';
    CREATE ROLE md5y SUPERUSER LOGIN PASSWORD 'secret';
    SET password_encryption = 'scram-sha-256';
    CREATE ROLE clear SUPERUSER LOGIN PASSWORD 'secret';
    CREATE ROLE safe SUPERUSER LOGIN PASSWORD 'secret';
    CREATE ROLE bare SUPERUSER LOGIN PASSWORD 'secret';
    CREATE ROLE trusty SUPERUSER LOGIN;
    CREATE ROLE carl SUPERUSER LOGIN;";

async fn guarded() -> (Fixture, Authority, Files) {
    let (ours, clients, files) = (Authority::new("ours"), Authority::new("clients"), Files::new());
    let tls = ServerTls {
        client_authority: Some(clients.certificate.clone()),
        ..ours.server(BOTH, |_| {})
    };
    files.write("root.pem", &ours.certificate);
    let cluster = Cluster::builder()
        .tls(tls)
        .hba("host all md5y 127.0.0.1/32 md5")
        .hba("host all clear 127.0.0.1/32 password")
        .hba("host all trusty 127.0.0.1/32 trust")
        .hba("hostssl all safe 127.0.0.1/32 scram-sha-256")
        .hba("hostnossl all bare 127.0.0.1/32 scram-sha-256")
        .hba("hostssl all carl 127.0.0.1/32 cert")
        .start();
    let db = Fixture::on(Arc::new(cluster), &format!("{ROLES} {ORDERS}")).await;
    (db, clients, files)
}

fn as_user<'a>(user: &'a str, options: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [("username", user), ("password", "secret")];
    own.into_iter().chain(options.iter().copied()).collect()
}

#[tokio::test]
async fn every_method_of_authentication_works_and_a_bound_channel_takes_only_its_own() {
    let (db, _, _) = guarded().await;
    for user in ["md5y", "clear", "trusty", "safe"] {
        let found = protection(&db, &as_user(user, &[])).await.unwrap();
        assert_eq!(found, "tls tls", "{user}");
    }
    for user in ["md5y", "clear", "trusty"] {
        let plain = as_user(user, &[(SSLMODE, "disable")]);
        assert_eq!(protection(&db, &plain).await.unwrap(), "plain plain", "{user}");
    }
    let bound = [(BINDING, "require")];
    assert_eq!(protection(&db, &as_user("safe", &bound)).await.unwrap(), "tls tls");
    for user in ["md5y", "clear", "trusty"] {
        check(&db, &as_user(user, &bound), expect![[r#"
            Auth: channel binding is required, and the server does without
            hint: let pg_hba.conf ask for scram-sha-256, and store the password so: SET password_encryption = 'scram-sha-256'; ALTER ROLE ... PASSWORD '...'; or set "channelBinding" to prefer
        "#]]).await;
    }
}

#[tokio::test]
async fn lines_for_one_kind_of_connection_are_found_or_named() {
    let (db, _, _) = guarded().await;
    // `safe` is let in with TLS only, `bare` without only.
    for (user, mode, expected) in [
        ("safe", "allow", "tls tls"),
        ("safe", "prefer", "tls tls"),
        ("bare", "allow", "plain plain"),
        ("bare", "prefer", "plain plain"),
    ] {
        let options = as_user(user, &[(SSLMODE, mode)]);
        assert_eq!(protection(&db, &options).await.unwrap(), expected, "{user} {mode}");
    }
    check(&db, &as_user("safe", &[(SSLMODE, "disable")]), expect![[r#"
        Auth: the server refuses user "safe": no pg_hba.conf entry for host "127.0.0.1", user "safe", database "...", no encryption
        hint: set "sslmode" to require if pg_hba.conf has only "hostssl" lines for it, else allow it there, then SELECT pg_reload_conf();
    "#]]).await;
    check(&db, &as_user("bare", &[(SSLMODE, "require")]), expect![[r#"
        Auth: the server refuses user "bare": no pg_hba.conf entry for host "127.0.0.1", user "bare", database "...", SSL encryption
        hint: allow it in pg_hba.conf by a line "hostssl" or "host", then SELECT pg_reload_conf();
    "#]]).await;
    check(&db, &as_user("nobody", &[(SSLMODE, "prefer")]), expect![[r#"
        Auth: the server refuses user "nobody": no pg_hba.conf entry for host "127.0.0.1", user "nobody", database "...", SSL encryption
        hint: allow it in pg_hba.conf by a line "hostssl" or "host", then SELECT pg_reload_conf();
    "#]]).await;
    check(&db, &as_user("nobody", &[(SSLMODE, "allow")]), expect![[r#"
        Auth: the server refuses user "nobody": no pg_hba.conf entry for host "127.0.0.1", user "nobody", database "...", SSL encryption
        hint: allow it in pg_hba.conf by a line "hostssl" or "host", then SELECT pg_reload_conf();
    "#]]).await;
}

#[tokio::test]
async fn a_client_certificate_opens_the_door_and_its_absence_is_told() {
    let (db, clients, files) = guarded().await;
    const CERT: &str = "debezium.database.sslcert";
    const KEY: &str = "debezium.database.sslkey";
    let strangers = Authority::new("strangers");
    let root = files.path("root.pem").display().to_string();
    let full = [(SSLMODE, "verify-full"), (ROOT, root.as_str())];
    let paths = ["carl.pem", "carl.key", "carl.pk8", "joe.pem", "joe.key", "strange.pem"];
    let more = ["strange.key", "sealed.key", "sealed.der", "carl.p12", "gone"];
    let at = |name: &str| files.path(name).display().to_string();
    let paths: Vec<String> = paths.iter().chain(&more).map(|name| at(name)).collect();
    let path = |name: &str| {
        let found = paths.iter().find(|path| path.ends_with(&format!("/{name}")));
        found.unwrap().as_str()
    };
    for (authority, user, name) in
        [(&clients, "carl", "carl"), (&clients, "joe", "joe"), (&strangers, "carl", "strange")]
    {
        let (certificate, key) = authority.client(user);
        files.write(&format!("{name}.pem"), &certificate);
        files.write(&format!("{name}.key"), &key);
    }
    files.openssl("pkcs8 -topk8 -nocrypt -in carl.key -outform der -out carl.pk8");
    files.openssl("pkcs8 -topk8 -in carl.key -passout pass:x -out sealed.key");
    files.openssl("pkcs8 -topk8 -in carl.key -passout pass:x -outform der -out sealed.der");
    files.openssl("pkcs12 -export -in carl.pem -inkey carl.key -passout pass:x -out carl.p12");
    let with_key = |cert: &'static str, key: &'static str| {
        as_user("carl", &[full[0], full[1], (CERT, path(cert)), (KEY, path(key))])
    };
    assert_eq!(protection(&db, &with_key("carl.pem", "carl.key")).await.unwrap(), "tls tls");
    assert_eq!(protection(&db, &with_key("carl.pem", "carl.pk8")).await.unwrap(), "tls tls");

    check(&db, &as_user("carl", &full), expect![[r#"
        Auth: the server refuses user "carl": connection requires a valid client certificate
        hint: set "sslcert" and "sslkey" to a certificate that an authority in the server's ssl_ca_file has signed, and its key
    "#]]).await;
    check(&db, &with_key("joe.pem", "joe.key"), expect![[r#"
        Auth: the server refuses user "carl": certificate authentication failed for user "carl"
        hint: the common name of ".../joe.pem" must be the user, or pg_ident.conf must map it; to see it: openssl x509 -in .../joe.pem -noout -subject
    "#]]).await;
    check(&db, &with_key("carl.pem", "joe.key"), expect![[r#"
        Config: the private key in file ".../joe.key" is not that of ".../carl.pem"
        hint: these must print the same: openssl x509 -in .../carl.pem -noout -pubkey; openssl pkey -in .../joe.key -pubout
    "#]]).await;
    check(
        &db,
        &with_key("carl.pem", "gone"),
        expect![[r#"
        Config: private key file ".../gone" does not exist
        hint: paths are those of the machine that Tailwater runs on, from its working directory
    "#]],
    )
    .await;
    check(&db, &with_key("strange.pem", "strange.key"), expect![[r#"
        Auth: the server refuses the client certificate ".../strange.pem": UnknownCA
        hint: it must be valid and signed by an authority in the server's ssl_ca_file, intermediate certificates behind it in the same file
    "#]]).await;
    check(
        &db,
        &with_key("carl.pem", "sealed.key"),
        expect![[r#"
        Unsupported: the private key in file ".../sealed.key" is encrypted, which is not supported
        hint: decrypt it, and name the result in "sslkey": openssl pkey -in .../sealed.key -out FILE
    "#]],
    )
    .await;
    check(&db, &with_key("carl.pem", "sealed.der"), expect![[r#"
        Unsupported: the private key in file ".../sealed.der" is encrypted, which is not supported
        hint: decrypt it, and name the result in "sslkey": openssl pkey -inform der -in .../sealed.der -out FILE
    "#]]).await;
    check(&db, &with_key("carl.pem", "carl.p12"), expect![[r#"
        Config: private key file ".../carl.p12" is a PKCS-12 archive
        hint: take certificate and key out: openssl pkcs12 -in .../carl.p12 -clcerts -nokeys -out CERT; openssl pkcs12 -in .../carl.p12 -nocerts -nodes -out KEY
    "#]]).await;
    check(
        &db,
        &with_key("carl.pem", "carl.pem"),
        expect![[r#"
        Config: private key file ".../carl.pem" holds no private key
        hint: a PEM file with BEGIN PRIVATE KEY is expected, or PKCS-8 in DER
    "#]],
    )
    .await;
    check(
        &db,
        &[full[0], (ROOT, path("carl.key"))],
        expect![[r#"
        Config: root certificate file ".../carl.key" holds no certificate
        hint: PEM is expected; of DER: openssl x509 -inform der -in .../carl.key -out FILE
    "#]],
    )
    .await;
    check(
        &db,
        &[full[0], (ROOT, path("carl.pk8"))],
        expect![[r#"
        Config: root certificate file ".../carl.pk8" holds no certificate
        hint: PEM is expected; of DER: openssl x509 -inform der -in .../carl.pk8 -out FILE
    "#]],
    )
    .await;
}

/// The same plan connects again after both sides have other certificates.
#[tokio::test]
async fn files_are_read_again_at_each_connect() {
    let (old, new, files) = (Authority::new("old"), Authority::new("new"), Files::new());
    let db = server(old.server(BOTH, |_| {})).await;
    let root = files.write("root.pem", &old.certificate);
    let spec = orders(&db, &[(SSLMODE, "verify-full"), (ROOT, &root)]);
    let plan = PostgresCdcFactory.plan(&spec).unwrap();
    plan.connect(SourceContext::default()).await.unwrap();
    db.cluster.replace_tls(&new.server(BOTH, |_| {})).await;
    assert!(plan.connect(SourceContext::default()).await.is_err());
    files.write("root.pem", &new.certificate);
    plan.connect(SourceContext::default()).await.unwrap();
}

#[tokio::test]
async fn jdbc_takes_its_parameters_from_the_url() {
    let (ours, files) = (Authority::new("ours"), Files::new());
    let root = files.write("ours.pem", &ours.certificate);
    let db = server(ours.server(&["127.0.0.1"], |_| {})).await;
    let jdbc = |host: &str, parameters: &str| {
        let port = db.cluster.port();
        let url = format!("jdbc:postgresql://{host}:{port}/{}?{parameters}", db.database);
        let options = [
            ("connector", "jdbc"),
            ("url", url.as_str()),
            ("table-name", "orders"),
            ("username", "postgres"),
            ("password", db.cluster.password()),
        ];
        spec(&columns(), &[0], &options)
    };
    let strict = format!("sslmode=verify-full&sslrootcert={root}&channelBinding=require");
    let switched = format!("ssl=true&sslrootcert={root}");
    let sql = "SELECT bool_and(ssl)::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'tailwater' AND datname = current_database()";
    for (parameters, expected) in
        [(strict.as_str(), "true"), (&switched, "true"), ("sslmode=disable", "false"), ("", "true")]
    {
        let plan = JdbcSinkFactory.plan(&jdbc("127.0.0.1", parameters)).unwrap();
        let sink = plan.connect(SinkContext::default()).await.unwrap();
        assert_eq!(db.text(sql).await, expected, "{parameters}");
        sink.close().await.unwrap();
        wait_for("the sink's session to end", LIMIT, || async {
            (db.text(sql).await == "NULL").then_some(())
        })
        .await;
    }
    let mut scan = connect(&JdbcSourceFactory, &jdbc("127.0.0.1", &strict), ReadFrom::default())
        .await
        .unwrap();
    assert_eq!(scan.rows(2).await, ["+I[1, one]", "+I[2, NULL]"]);
    let plan = JdbcSinkFactory.plan(&jdbc("localhost", &switched)).unwrap();
    let error = plan.connect(SinkContext::default()).await.err().unwrap();
    expect![[r#"
        Config: the certificate of the server at "localhost:..." is for "127.0.0.1"
        hint: connect to "127.0.0.1", put this name into the certificate, or set "sslmode" to verify-ca, which asks for no name
    "#]].assert_eq(&told(&error, &[&db.cluster.port().to_string()]));
    let issues = JdbcSinkFactory.plan(&jdbc("127.0.0.1", "sslmode=on&ssl=perhaps&sslMode=require"));
    let issues: Vec<String> = issues
        .err()
        .unwrap()
        .into_iter()
        .map(|i| format!("{} ({})\n", i.message, i.hint_in(Dialect::Sql).unwrap_or_default()))
        .collect();
    expect![[r#"
        unknown parameter "sslMode" of the URL (did you mean "sslmode"?)
        "on" is not a value of parameter "sslmode" of the URL (expected: disable, allow, prefer, require, verify-ca, verify-full)
        "perhaps" is not a value of parameter "ssl" of the URL (expected: true, false)
    "#]].assert_eq(&issues.concat());
}

#[tokio::test]
async fn both_spellings_of_a_parameter_must_agree() {
    let db = Fixture::new("").await;
    let spec = orders(
        &db,
        &[
            (SSLMODE, "require"),
            ("jdbc.properties.sslmode", "disable"),
            ("jdbc.properties.ssl", "no"),
        ],
    );
    let issues = PostgresCdcFactory.plan(&spec).err().unwrap();
    let lines: Vec<String> = issues
        .iter()
        .map(|i| format!("{} ({})\n", i.message, i.hint_in(Dialect::Sql).as_deref().unwrap_or("-")))
        .collect();
    expect![[r#"
        option "debezium.database.sslmode" and option "jdbc.properties.sslmode" differ (give one of them)
        "no" is not a value of option "jdbc.properties.ssl" (expected: true, false)
    "#]].assert_eq(&lines.concat());
    let same = [(SSLMODE, "disable"), ("jdbc.properties.sslmode", "disable")];
    assert!(PostgresCdcFactory.plan(&orders(&db, &same)).is_ok());
}

#[tokio::test]
async fn a_stalled_consumer_does_not_lose_an_encrypted_connection() {
    let (ours, files) = (Authority::new("ours"), Files::new());
    let root = files.write("ours.pem", &ours.certificate);
    let cluster = Cluster::builder()
        .tls(ours.server(BOTH, |_| {}))
        .setting("wal_sender_timeout", "2s")
        .start();
    let db = Fixture::on(Arc::new(cluster), ORDERS).await;
    db.sql("INSERT INTO orders SELECT g, repeat('s', 300) FROM generate_series(3, 100000) g").await;
    let spec = orders(&db, &[(SSLMODE, "verify-full"), (ROOT, &root), (BINDING, "require")]);
    let mut reading = connect(&PostgresCdcFactory, &spec, ReadFrom::default()).await.unwrap();
    assert_eq!(reading.rows(100_000).await.len(), 100_000);
    db.sql("INSERT INTO orders SELECT g, repeat('x', 300) FROM generate_series(100001, 200000) g")
        .await;
    reading.rows(100_001).await;
    let begun = db.text("SELECT now()::text").await;
    let sql = format!("SELECT (now() > '{begun}'::timestamptz + '4 s'::interval)::text");
    wait_for("twice the timeout", LIMIT, || async {
        (db.text(&sql).await == "true").then_some(())
    })
    .await;
    assert_eq!(reading.rows(200_000).await.len(), 200_000);
    let ssl = "SELECT (count(*) = 1 AND bool_and(ssl))::text
        FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)";
    assert_eq!(db.text(ssl).await, "true");
    db.sql("INSERT INTO orders VALUES (0, 'alive')").await;
    assert_eq!(reading.rows(200_001).await.last().unwrap(), "+I[0, alive]");
    let mut ids: Vec<&String> = reading.rows.iter().collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 200_001);
}
