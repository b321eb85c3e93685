-- faqsmith.db, schema version 2. Each table has one owner (store/<table>.cc); stages only append rows or set the columns
-- that they own. Nothing is deleted to hide a decision: a rejected pair keeps its row and its reasons.
-- Text is UTF-8, NFC. Booleans are 0/1. JSON columns hold one JSON value.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;  -- 'schema_version', 'workspace_id'

-- One row per stage run. key = hash(stage, options, input, semantics, seed); state: running, done, failed, interrupted.
CREATE TABLE stage_runs (
  id INTEGER PRIMARY KEY,
  stage TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL,
  options TEXT NOT NULL,        -- JSON: the effective options
  counts TEXT NOT NULL,         -- JSON: StageReport's numbers
  error TEXT NOT NULL DEFAULT '',
  started_at TEXT NOT NULL, finished_at TEXT NOT NULL DEFAULT '',
  UNIQUE (stage, key)
);

-- collect
CREATE TABLE sources (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,    -- relative to the collected root where possible: stable between machines
  sha256 TEXT NOT NULL, format TEXT NOT NULL,  -- markdown, html, text, pdf
  title TEXT NOT NULL, language TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL,          -- ok, partial, rejected, removed
  reason TEXT NOT NULL DEFAULT '',             -- why partial or rejected
  dropped TEXT NOT NULL DEFAULT '{}',          -- JSON counts: names in ingest/document.h, and duplicate_sections
  cut_by TEXT NOT NULL DEFAULT ''              -- hash of the options and program semantics that cut its sections
);
CREATE TABLE sections (
  id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES sources(id), ordinal INTEGER NOT NULL,  -- order inside the source
  heading_path TEXT NOT NULL,   -- JSON array, outermost first
  text TEXT NOT NULL,           -- plain text; paragraphs are separated by an empty line; list items start with "- "; code fenced by ```
  page INTEGER,                 -- 1-based, PDF only
  begin_byte INTEGER NOT NULL, end_byte INTEGER NOT NULL,  -- of the document's normalised plain text
  n_tokens INTEGER NOT NULL,    -- of the teacher
  hash TEXT NOT NULL,           -- of heading path and text: stable identity across runs
  stale INTEGER NOT NULL DEFAULT 0,            -- its source changed or went away
  UNIQUE (source_id, ordinal, hash)
);
CREATE INDEX sections_by_hash ON sections(hash);

-- generate
CREATE TABLE facts (
  id INTEGER PRIMARY KEY,
  section_id INTEGER NOT NULL REFERENCES sections(id),
  key TEXT NOT NULL UNIQUE,     -- stable: hash of section hash and quote
  origin TEXT NOT NULL,         -- harvest (a question stood in the document), quoted, teacher
  quote TEXT NOT NULL,          -- verbatim from the section
  answer TEXT NOT NULL,         -- what the bot should say
  heading TEXT NOT NULL,        -- the question as it stood (harvest) or the heading path's text
  cluster TEXT NOT NULL DEFAULT ''  -- curate: key of the duplicate cluster's first fact
);
CREATE INDEX facts_by_section ON facts(section_id);
CREATE TABLE pairs (
  id INTEGER PRIMARY KEY,
  fact_id INTEGER REFERENCES facts(id),        -- NULL: unanswerable question, or imported
  key TEXT NOT NULL UNIQUE,     -- stable: hash of fact key, form and question
  question TEXT NOT NULL, answer TEXT NOT NULL,
  form TEXT NOT NULL,           -- original, keywords, plain, context, teacher, unanswerable, imported
  request_id INTEGER REFERENCES requests(id),
  imported TEXT NOT NULL DEFAULT '',           -- the user's whole row, as a line of messages JSON: written back by export --data
  -- curate
  verdict TEXT NOT NULL DEFAULT '',            -- '' (not judged), kept, rejected
  reasons TEXT NOT NULL DEFAULT '[]',          -- JSON array of gate names that failed
  scores TEXT NOT NULL DEFAULT '{}',           -- JSON: gate name -> number
  -- split
  part TEXT NOT NULL DEFAULT ''                -- train, validation, reworded, unseen, refusal, gold, ''
);
CREATE INDEX pairs_by_fact ON pairs(fact_id);
-- Every request to a teacher: asked = kept + rejected + failed.
CREATE TABLE requests (
  id INTEGER PRIMARY KEY,
  batch TEXT NOT NULL,          -- key of the batch it belongs to: a pure function of seed and sections
  ordinal INTEGER NOT NULL, section_id INTEGER, fact_id INTEGER,
  kind TEXT NOT NULL,           -- fact, wording, unanswerable
  prompt_hash TEXT NOT NULL, seed TEXT NOT NULL,
  reply TEXT NOT NULL,          -- raw
  outcome TEXT NOT NULL,        -- kept, rejected, failed
  reason TEXT NOT NULL DEFAULT '',
  n_prompt_tokens INTEGER NOT NULL, n_new_tokens INTEGER NOT NULL,
  UNIQUE (batch, ordinal)
);

-- evaluate
CREATE TABLE answers (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL,            -- key of the evaluate stage
  pair_id INTEGER NOT NULL REFERENCES pairs(id),
  model TEXT NOT NULL,          -- base, tuned, search
  answer TEXT NOT NULL, refused INTEGER NOT NULL,
  cited_fact_id INTEGER,
  metrics TEXT NOT NULL,        -- JSON: token_f1, rouge_l, loss_per_token, own_fact …
  UNIQUE (run, pair_id, model)
);
