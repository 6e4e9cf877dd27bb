CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS citext; CREATE EXTENSION IF NOT EXISTS ltree; CREATE EXTENSION IF NOT EXISTS cube;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy');
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN price AS numeric(8,3);
CREATE TYPE comp AS (a int, b text);
CREATE TABLE all_types (
  id serial PRIMARY KEY, note text,
  c_smallint smallint, c_int int, c_bigint bigint, c_real real, c_double double precision,
  c_numeric numeric, c_numeric_5_2 numeric(5,2), c_numeric_10_0 numeric(10,0), c_numeric_neg numeric(5,-2), c_money money, c_bool boolean,
  c_char3 char(3), c_varchar10 varchar(10), c_text text, c_bpchar bpchar, c_citext citext, c_name name, c_qchar "char",
  c_bytea bytea, c_bit1 bit(1), c_bit5 bit(5), c_varbit varbit(8),
  c_date date, c_time time, c_time0 time(0), c_time3 time(3), c_timetz timetz, c_ts timestamp, c_ts0 timestamp(0), c_ts3 timestamp(3), c_tstz timestamptz, c_tstz3 timestamptz(3), c_interval interval,
  c_uuid uuid, c_json json, c_jsonb jsonb, c_xml xml, c_hstore hstore, c_ltree ltree,
  c_inet inet, c_cidr cidr, c_macaddr macaddr, c_macaddr8 macaddr8,
  c_point point, c_line line, c_lseg lseg, c_box box, c_path path, c_polygon polygon, c_circle circle,
  c_int4range int4range, c_int8range int8range, c_numrange numrange, c_tsrange tsrange, c_tstzrange tstzrange, c_daterange daterange, c_int4multirange int4multirange,
  c_tsvector tsvector, c_tsquery tsquery, c_enum mood, c_domain posint, c_price price, c_comp comp,
  c_oid oid, c_pg_lsn pg_lsn, c_xid8 xid8, c_jsonpath jsonpath, c_cube cube,
  c_int_arr int[], c_int_arr2 int[][], c_bigint_arr bigint[], c_text_arr text[], c_varchar_arr varchar(5)[], c_bool_arr boolean[], c_real_arr real[], c_double_arr double precision[],
  c_numeric_arr numeric[], c_num52_arr numeric(5,2)[], c_date_arr date[], c_time_arr time[], c_ts_arr timestamp[], c_tstz_arr timestamptz[], c_uuid_arr uuid[], c_json_arr json[], c_jsonb_arr jsonb[], c_bytea_arr bytea[], c_inet_arr inet[], c_enum_arr mood[], c_comp_arr comp[], c_interval_arr interval[], c_money_arr money[], c_domain_arr posint[],
  c_generated int GENERATED ALWAYS AS (c_int * 2) STORED
);
ALTER TABLE all_types REPLICA IDENTITY FULL;
INSERT INTO all_types (note, c_smallint,c_int,c_bigint,c_real,c_double,c_numeric,c_numeric_5_2,c_numeric_10_0,c_numeric_neg,c_money,c_bool,c_char3,c_varchar10,c_text,c_bpchar,c_citext,c_name,c_qchar,c_bytea,c_bit1,c_bit5,c_varbit,
 c_date,c_time,c_time0,c_time3,c_timetz,c_ts,c_ts0,c_ts3,c_tstz,c_tstz3,c_interval,c_uuid,c_json,c_jsonb,c_xml,c_hstore,c_ltree,c_inet,c_cidr,c_macaddr,c_macaddr8,c_point,c_line,c_lseg,c_box,c_path,c_polygon,c_circle,
 c_int4range,c_int8range,c_numrange,c_tsrange,c_tstzrange,c_daterange,c_int4multirange,c_tsvector,c_tsquery,c_enum,c_domain,c_price,c_comp,c_oid,c_pg_lsn,c_xid8,c_jsonpath,c_cube,
 c_int_arr,c_int_arr2,c_bigint_arr,c_text_arr,c_varchar_arr,c_bool_arr,c_real_arr,c_double_arr,c_numeric_arr,c_num52_arr,c_date_arr,c_time_arr,c_ts_arr,c_tstz_arr,c_uuid_arr,c_json_arr,c_jsonb_arr,c_bytea_arr,c_inet_arr,c_enum_arr,c_comp_arr,c_interval_arr,c_money_arr,c_domain_arr)
VALUES ('ordinary', 12,3456,789012345678,1.5,2.718281828459045,'123456789012345678901234567890.123456789','123.45','9999999999',12345,'$1,234.56',true,'ab','varchar','text é ☃ "q" \ back','bp ','CiText','a_name','z','\xdeadbeef00ff',B'1',B'10101',B'1100',
 '2024-02-29','13:14:15.123456','13:14:15','13:14:15.123','13:14:15.123456+05:30','2024-02-29 13:14:15.123456','2024-02-29 13:14:15','2024-02-29 13:14:15.123','2024-02-29 13:14:15.123456+02','2024-02-29 13:14:15.123+02','1 year 2 mons 3 days 04:05:06.789','a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11','{"a": 1,  "b":[1,2,{"c":null}]}','{"b":[1,2.50,{"c":null}],"a":"x"}','<a b="1">t</a>','k=>v, n=>NULL, "sp ace"=>"q\"q"','Top.Science.Astronomy','192.168.1.5/24','10.0.0.0/8','08:00:2b:01:02:03','08:00:2b:01:02:03:04:05','(1.5,2.5)','{1,2,3}','[(0,0),(1,1)]','(2,2),(1,1)','((0,0),(1,1),(2,0))','((0,0),(1,1),(2,0))','<(1,2),3>',
 '[1,10)','[1,)','(1.5,2.5]','[2024-01-01 00:00,2024-01-02 00:00)','[2024-01-01 00:00+00,2024-01-02 00:00+00)','[2024-01-01,2024-02-01)','{[1,3),[5,8)}','a fat cat sat','fat & (rat | cat)','very happy',7,1.5,ROW(1,'x,y'),123456,'16/B374D848','42','$.a[*] ? (@ > 1)','(1,2,3)',
 '{1,NULL,3}','{{1,2},{3,4}}','{1,9223372036854775807}','{"a","b,c",NULL,"q\"q",""}','{abc,de}','{t,f,NULL}','{1.5,NaN}','{2.5,Infinity}','{1.1,2.22}','{1.10,2.22}','{2024-01-01,2024-12-31}','{01:02:03,04:05:06.5}','{"2024-01-01 00:00:00","2024-01-01 00:00:00.123456"}','{"2024-01-01 00:00:00+00"}','{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}',ARRAY['{"a":1}'::json],ARRAY['{"a":1}'::jsonb],ARRAY['\x01'::bytea,'\xff'::bytea],'{10.0.0.1,::1}','{sad,"very happy"}',ARRAY[ROW(1,'x')::comp],'{"1 day","02:00:00"}','{$1.00,$2.50}','{1,2}');
INSERT INTO all_types (note) VALUES ('all null');
INSERT INTO all_types (note,c_smallint,c_int,c_bigint,c_real,c_double,c_numeric,c_numeric_5_2,c_numeric_10_0,c_money,c_bool,c_char3,c_varchar10,c_text,c_bytea,c_bit1,c_bit5,c_varbit,c_date,c_time,c_time0,c_time3,c_timetz,c_ts,c_ts0,c_ts3,c_tstz,c_interval,c_json,c_jsonb,c_hstore,c_int4range,c_numrange,c_daterange,c_int_arr,c_text_arr,c_inet)
VALUES ('min / empty',-32768,0,-9223372036854775808,-3.4028235e38,-1.7976931348623157e308,'-0.00000000000000000001','-999.99','-9999999999','-$92,233,720,368,547,758.08',false,'','','','',B'0',B'00000',B'','0001-01-01','00:00:00','00:00:00','00:00:00','00:00:00+14','0001-01-01 00:00:00','0001-01-01 00:00:00','0001-01-01 00:00:00.001','0001-01-01 00:00:00+00','-1 year -2 mons +3 days -04:05:06.000001','null','null','','empty','empty','empty','{}','{}','::1');
INSERT INTO all_types (note,c_smallint,c_int,c_bigint,c_real,c_double,c_numeric,c_numeric_5_2,c_money,c_date,c_time,c_timetz,c_ts,c_tstz,c_interval,c_jsonb,c_text)
VALUES ('max',32767,1073741823,9223372036854775807,3.4028235e38,1.7976931348623157e308,'99999999999999999999999999999999999999.99999999999999999999','999.99','$92,233,720,368,547,758.07','9999-12-31','24:00:00','24:00:00-15','9999-12-31 23:59:59.999999','9999-12-31 23:59:59.999999+00','178000000 years','12345678901234567890.123456789',repeat('é',10));
INSERT INTO all_types (note,c_real,c_double,c_numeric,c_date,c_ts,c_tstz,c_tsrange) VALUES ('NaN, infinity','NaN','Infinity','NaN','infinity','infinity','infinity','[,)');
INSERT INTO all_types (note,c_real,c_double,c_date,c_ts,c_tstz,c_daterange) VALUES ('-infinity','-Infinity','-Infinity','-infinity','-infinity','-infinity','[2024-01-01,infinity)');
INSERT INTO all_types (note,c_date,c_ts,c_tstz) VALUES ('BC and beyond year 9999','0044-03-15 BC','0044-03-15 12:00:00 BC','290000-01-01 00:00:00+00');
INSERT INTO all_types (note,c_text,c_varchar10,c_enum,c_comp,c_text_arr,c_varchar_arr,c_comp_arr,c_int_arr,c_int_arr2,c_enum_arr,c_jsonb_arr,c_bytea_arr,c_interval,c_interval_arr,c_hstore,c_xml,c_tsvector,c_tsquery,c_qchar)
VALUES ('quotes','','NULL','sad',ROW(NULL,'a "b" \ (c), ''d'''),ARRAY['','NULL','null','a,b','{x}','"','\','sp ace',E'new\nline',NULL],'{"",NULL,"NULL"}',ARRAY[ROW(1,'')::comp,NULL,ROW(NULL,NULL)::comp,ROW(2,'"q" \ {},')::comp],'[-1:1]={7,NULL,9}','[2:3][0:0]={{1},{2}}','{"very happy",NULL}',ARRAY['{"a": "\\ \""}'::jsonb,NULL],ARRAY[''::bytea,NULL],'-1 mon +2 days -00:00:00.5','{-1 day +02:00:00,NULL,00:00:00}','"k\"ey"=>"va\\lue","n"=>NULL,""=>""','<x>é &amp; "q"</x>','''it''''s'':1A,2B c:3C,4','!(a & ''b c'':*AB) <-> (d | !e) <3> f','');
INSERT INTO all_types (note,c_text_arr,c_int_arr2,c_numeric,c_numeric_arr,c_real,c_double,c_real_arr,c_double_arr,c_interval,c_time,c_timetz,c_ts,c_tstz,c_date,c_inet,c_cidr,c_money,c_money_arr,c_int4range,c_numrange,c_tsrange,c_int4multirange,c_path,c_cube,c_bit5,c_varbit,c_xid8,c_pg_lsn,c_oid)
VALUES ('extremes','{}','{}','1e500','{NaN,Infinity,-Infinity,1e-400,0.00}','1.17549435e-38','4.9406564584124654e-324','{-0,3.4028235e38,1e6,123456,1234567}','{-0,1.7976931348623157e308,1e15,123456789012345,1e-5,0.0001,18014398509481988,9007199254740993}','1 year -1 day +00:00:00.000001','23:59:59.999999','00:00:00.1-12:34:56','4713-01-01 00:00:00 BC','294276-12-31 23:59:59.999999+00','5874897-12-31','::ffff:1.2.3.4/120','::/0','-$0.01','{-$1.00,"$1,000.00"}','(,)','[-1.50,)','("2024-01-01 00:00:00",infinity]','{}','[(1e300,-0),(1,2)]','(1,2),(3,4.5)','01010','','18446744073709551615','FFFFFFFF/0','4294967295');
