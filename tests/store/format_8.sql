BEGIN TRANSACTION;
CREATE TABLE asks (
            n INTEGER PRIMARY KEY, upstream TEXT NOT NULL, model TEXT NOT NULL,
            request_digest TEXT NOT NULL, purpose TEXT NOT NULL, repeat INTEGER NOT NULL,
            study TEXT NOT NULL, asked_at REAL NOT NULL, estimated_cost_usd REAL,
            finished_at REAL, answer TEXT, 
    input_tokens INTEGER, output_tokens INTEGER, cached_input_tokens INTEGER,
    reasoning_tokens INTEGER, usage_estimated INTEGER NOT NULL DEFAULT 0, cost_usd REAL, latency_s REAL,
            status INTEGER, error TEXT, tries INTEGER, unanswered INTEGER NOT NULL DEFAULT 0);
CREATE TABLE attempts (
            call INTEGER NOT NULL, n INTEGER NOT NULL, model TEXT NOT NULL, purpose TEXT NOT NULL,
            status INTEGER, error TEXT, 
    input_tokens INTEGER, output_tokens INTEGER, cached_input_tokens INTEGER,
    reasoning_tokens INTEGER, usage_estimated INTEGER NOT NULL DEFAULT 0, cost_usd REAL, latency_s REAL,
            first_byte_s REAL, finish_reason TEXT, snapshot TEXT, checks TEXT NOT NULL,
            signals TEXT NOT NULL, score REAL, PRIMARY KEY (call, n)) WITHOUT ROWID;
INSERT INTO "attempts" VALUES(1,0,'small','answer',200,NULL,100,20,60,5,1,0.001,0.5,0.1,'length','small-1','{"one_of":false,"json_schema":null}','{"mean_logprob":-0.5,"self_check":null}',0.75);
INSERT INTO "attempts" VALUES(1,1,'large','shadow',NULL,'timeout: after 3 s',NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,'{}','{}',NULL);
INSERT INTO "attempts" VALUES(3,0,'small','answer',200,NULL,7,3,NULL,NULL,0,0.25,0.4,NULL,'stop','s-1','{}','{}',NULL);
INSERT INTO "attempts" VALUES(4,0,'small','answer',200,NULL,7,3,NULL,NULL,0,0.25,0.4,NULL,'stop','s-1','{}','{}',NULL);
INSERT INTO "attempts" VALUES(5,0,'small','answer',200,NULL,7,3,NULL,NULL,0,NULL,0.4,NULL,'stop','s-1','{}','{}',NULL);
CREATE TABLE blinded (
            id TEXT PRIMARY KEY, task TEXT NOT NULL, pair TEXT NOT NULL, reader TEXT NOT NULL,
            candidate_first INTEGER NOT NULL, UNIQUE (task, pair, reader)) WITHOUT ROWID;
CREATE TABLE bodies (
            call INTEGER PRIMARY KEY, subject TEXT, request_digest TEXT,
            request TEXT, answer TEXT, reference TEXT, altered INTEGER NOT NULL, attempt_answers TEXT);
INSERT INTO "bodies" VALUES(1,'person 7','17ce8d860a67f9cf76672b8ace75c2775d8f663eac9f4459edcce25dbe3d2e49','{"messages":[{"role":"user","content":"question full"}]}','{"text":"bug","tool_calls":[],"finish_reason":"stop","refusal":null,"logprobs":null}','{"label":"bug"}',0,'{"0":{"text":"no bug","tool_calls":[],"finish_reason":null,"refusal":null,"logprobs":null}}');
CREATE TABLE calls (
            n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
            model TEXT NOT NULL, fingerprint TEXT NOT NULL, task TEXT, source_row TEXT, slice TEXT,
            requested_model TEXT, snapshot TEXT, started_at REAL, latency_s REAL,
            first_byte_s REAL, 
    input_tokens INTEGER, output_tokens INTEGER, cached_input_tokens INTEGER,
    reasoning_tokens INTEGER, usage_estimated INTEGER NOT NULL DEFAULT 0, cost_usd REAL, status INTEGER, error TEXT,
            stream INTEGER NOT NULL, decision TEXT, reason TEXT, policy_digest TEXT, session TEXT,
            subject TEXT, request_id TEXT, key_name TEXT, words_since REAL);
INSERT INTO "calls" VALUES(1,'full','test','large','f1','triage','r1','de','large','large-2024-08-06',1700000000.25,1.5,0.25,100,20,60,5,1,0.0125,200,'HTTP 500: overloaded',1,'escalated','check one_of failed','sha256:1','s1','person 7','q1','k',1700000500.0);
INSERT INTO "calls" VALUES(2,'bare','test','m','',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES(3,'plain 0','gateway','small','f2','t',NULL,NULL,'small','s-1',1700000100.0,0.5,NULL,7,3,NULL,NULL,0,0.25,200,NULL,0,'direct','one model','d',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES(4,'plain 1','gateway','small','f2','t',NULL,NULL,'small','s-1',1700000101.0,0.5,NULL,7,3,NULL,NULL,0,0.25,200,NULL,0,'direct','one model','d',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "calls" VALUES(5,'plain 2','gateway','small','f2','t',NULL,NULL,'small','s-1',1700000102.0,0.5,NULL,7,3,NULL,NULL,0,NULL,200,NULL,0,'direct','one model','d',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE feedback (
            n INTEGER PRIMARY KEY, call TEXT NOT NULL, grader TEXT, score REAL NOT NULL,
            at REAL NOT NULL, comment TEXT, UNIQUE (call, grader));
INSERT INTO "feedback" VALUES(1,'plain 0','anna',1.0,1700000200.0,'good');
CREATE TABLE grades (
            n INTEGER PRIMARY KEY, task TEXT NOT NULL, pair TEXT NOT NULL, grader TEXT NOT NULL,
            grade TEXT NOT NULL, at REAL NOT NULL, UNIQUE (task, pair, grader));
CREATE TABLE grading_links (
            token TEXT PRIMARY KEY, study TEXT NOT NULL, grader TEXT NOT NULL,
            expires_at REAL NOT NULL, UNIQUE (study, grader)) WITHOUT ROWID;
CREATE TABLE policies (
            n INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL,
            first_served_at REAL NOT NULL, path TEXT NOT NULL);
CREATE TABLE recorded (
            n INTEGER PRIMARY KEY, task TEXT NOT NULL, source_row TEXT NOT NULL,
            model TEXT NOT NULL, request_digest TEXT NOT NULL, answer_digest TEXT NOT NULL,
            score REAL, self_check REAL, words_since REAL,
            UNIQUE (request_digest, model, answer_digest, task, source_row));
CREATE TABLE rejected (
            source TEXT NOT NULL, line INTEGER NOT NULL, reason TEXT NOT NULL, text TEXT, words_since REAL,
            PRIMARY KEY (source, line));
CREATE TABLE skipped (
            task TEXT NOT NULL, pair TEXT NOT NULL, grader TEXT NOT NULL, at REAL NOT NULL,
            PRIMARY KEY (task, pair, grader)) WITHOUT ROWID;
CREATE TABLE studies (
            n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, settings TEXT NOT NULL,
            started_at REAL NOT NULL, finished_at REAL, status TEXT NOT NULL, result TEXT);
CREATE TABLE verdicts (
            n INTEGER PRIMARY KEY, study TEXT NOT NULL, task TEXT NOT NULL, verdict TEXT NOT NULL,
            UNIQUE (study, task));
CREATE INDEX calls_by_task ON calls (task);
CREATE INDEX bodies_by_subject ON bodies (subject) WHERE subject IS NOT NULL;
CREATE INDEX asks_by_key ON asks (request_digest, model, upstream, purpose, repeat);
CREATE INDEX asks_unfinished ON asks (study) WHERE finished_at IS NULL;
CREATE INDEX calls_by_age ON calls (words_since) WHERE words_since IS NOT NULL;
COMMIT;
