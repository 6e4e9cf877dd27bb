CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS ltree; CREATE EXTENSION IF NOT EXISTS cube;
CREATE TYPE "Odd mood" AS ENUM ('a b', '"', ',');
CREATE TYPE leaf AS (n numeric(6,2), "Odd name" text, moods "Odd mood"[]);
CREATE TYPE branch AS (leaf leaf, leaves leaf[], span daterange);
CREATE DOMAIN label AS text; CREATE DOMAIN labels AS label[];
CREATE TYPE labelrange AS RANGE (subtype = text, collation = "C");
CREATE TYPE dropped AS (a int, b text, c int); ALTER TYPE dropped DROP ATTRIBUTE b;
CREATE TABLE more_types (
  id int PRIMARY KEY, c_odd "Odd mood", c_odd_arr "Odd mood"[], c_branch branch, c_branches branch[],
  c_labels labels, c_span labelrange, c_spans labelmultirange, c_dropped dropped,
  c_boxes box[], c_points point[], c_hstores hstore[], c_paths ltree[], c_query lquery, c_cubes cube[],
  c_ranges tstzrange[], c_multi datemultirange, c_vector int2vector, c_oids oidvector, c_tid tid, c_xid xid, c_cid cid,
  c_snapshot pg_snapshot, c_old_snapshot txid_snapshot, c_refcursor refcursor, c_bits bit(3)[], c_chars "char"[],
  c_names name[], c_macs macaddr8[], c_queries tsquery[], c_acl aclitem, c_timetzs timetz[], c_uuids uuid[]);
ALTER TABLE more_types REPLICA IDENTITY FULL;
INSERT INTO more_types VALUES (1, 'a b', '{"a b","\"",",",NULL}',
  ROW(ROW(1.5,'x "y", (z) \',ARRAY['a b','"']::"Odd mood"[]),ARRAY[ROW(NULL,'',NULL)::leaf,NULL],'[2024-01-01,2024-02-01)'),
  ARRAY[ROW(NULL,NULL,NULL)::branch,ROW(ROW(2,'{}','{}'),'{}','empty')::branch],
  '{"l 1",NULL,""}', '["a, b","c ""d""")', '{["",a),("(x",)}', ROW(1,2),
  '{(2,2),(1,1);(4,4),(3,3)}', '{"(1,2)","(-0.5,1e+20)"}', ARRAY['a=>"b c", d=>NULL'::hstore], '{Top.A,Top.B}', 'Top.*{1,2}.a|b', ARRAY['(1,2)'::cube,'(1),(2)'],
  ARRAY['["2024-01-01 00:00:00+00",)'::tstzrange,'empty'], '{[2024-01-01,2024-02-01),[2025-01-01,)}', '1 2 3', '26 25', '(7,3)', '77', '78',
  '10:20:10,14,15', '10:20:', 'cur', '{101,NULL}', '{a,"",","}',
  '{"n 1",n2}', '{08:00:2b:01:02:03:04:05}', '{"''a b'' | c"}', '=r/postgres', '{13:14:15.5+05:30,24:00:00-15}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}');
INSERT INTO more_types (id) VALUES (2);
INSERT INTO more_types (id, c_odd_arr, c_spans, c_vector, c_oids, c_boxes, c_labels) VALUES (3, '[0:1]={",",NULL}', '{}', '', '', '{}', '[5:5]={x}');
