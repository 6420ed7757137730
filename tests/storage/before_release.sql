CREATE TABLE bills (
    reference TEXT NOT NULL,
    payer TEXT NOT NULL,
    month TEXT NOT NULL,
    frames INTEGER NOT NULL,
    CONSTRAINT pk_bills PRIMARY KEY (reference)
);
CREATE TABLE choices (
    guild_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_choices PRIMARY KEY (guild_id, name)
);
CREATE TABLE index_concepts (
    id INTEGER NOT NULL,
    normalized TEXT NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_index_concepts PRIMARY KEY (id),
    CONSTRAINT uq_index_concepts_normalized UNIQUE (normalized)
);
CREATE TABLE meta (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY ("key")
);
CREATE TABLE opted_out (
    user_id BIGINT NOT NULL,
    CONSTRAINT pk_opted_out PRIMARY KEY (user_id)
);
CREATE TABLE posted_clips (
    message_id BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    guild_id BIGINT,
    channel_id BIGINT NOT NULL,
    author_id BIGINT,
    posted_at DATETIME NOT NULL,
    parent_id BIGINT,
    private BOOLEAN DEFAULT 0 NOT NULL,
    position SMALLINT,
    clips SMALLINT,
    alerted BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_posted_clips PRIMARY KEY (message_id, fingerprint)
);
CREATE TABLE report_messages (
    message_id BIGINT NOT NULL,
    job_id TEXT NOT NULL,
    CONSTRAINT pk_report_messages PRIMARY KEY (message_id, job_id)
);
CREATE TABLE reports (
    job_id TEXT NOT NULL,
    guild_id BIGINT,
    channel_id BIGINT NOT NULL,
    people TEXT NOT NULL,
    clips TEXT NOT NULL,
    reply_channel_id BIGINT,
    reply_id BIGINT,
    created_at DATETIME NOT NULL,
    CONSTRAINT pk_reports PRIMARY KEY (job_id)
);
CREATE TABLE retentions (
    guild_id BIGINT NOT NULL,
    days INTEGER NOT NULL,
    CONSTRAINT pk_retentions PRIMARY KEY (guild_id)
);
CREATE TABLE taggings (
    fingerprint TEXT NOT NULL,
    tagger TEXT NOT NULL,
    model TEXT NOT NULL,
    revision TEXT NOT NULL,
    sampling INTEGER NOT NULL,
    format TEXT NOT NULL,
    size BIGINT NOT NULL,
    duration BIGINT NOT NULL,
    frames BLOB NOT NULL,
    frames_format SMALLINT NOT NULL,
    created_at DATETIME NOT NULL,
    thumbnails BLOB,
    proxied BOOLEAN DEFAULT 0 NOT NULL,
    CONSTRAINT pk_taggings PRIMARY KEY (fingerprint, tagger, model, revision, sampling)
);
CREATE TABLE thresholds (
    guild_id BIGINT NOT NULL,
    tagger TEXT NOT NULL,
    threshold DOUBLE NOT NULL,
    CONSTRAINT pk_thresholds PRIMARY KEY (guild_id, tagger)
);
CREATE TABLE turns (
    name TEXT NOT NULL,
    next DOUBLE NOT NULL,
    CONSTRAINT pk_turns PRIMARY KEY (name)
);
CREATE TABLE watches (
    guild_id BIGINT NOT NULL,
    normalized TEXT NOT NULL,
    tag TEXT NOT NULL,
    channel_id BIGINT NOT NULL,
    threshold DOUBLE,
    CONSTRAINT pk_watches PRIMARY KEY (guild_id, normalized)
);
CREATE TABLE index_taggings (
    id INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    tagger TEXT NOT NULL,
    model TEXT NOT NULL,
    revision TEXT NOT NULL,
    sampling INTEGER NOT NULL,
    default_threshold DOUBLE NOT NULL,
    CONSTRAINT pk_index_taggings PRIMARY KEY (id),
    CONSTRAINT uq_index_taggings_fingerprint_tagger_model_revision_sampling UNIQUE (fingerprint, tagger, model, revision, sampling),
    CONSTRAINT fk_index_taggings_fingerprint_tagger_model_revision_sampling FOREIGN KEY(fingerprint, tagger, model, revision, sampling) REFERENCES taggings (fingerprint, tagger, model, revision, sampling) ON DELETE CASCADE
);
CREATE TABLE index_scores (
    tagging INTEGER NOT NULL,
    concept INTEGER NOT NULL,
    score DOUBLE NOT NULL,
    CONSTRAINT pk_index_scores PRIMARY KEY (tagging, concept),
    CONSTRAINT fk_index_scores_tagging FOREIGN KEY(tagging) REFERENCES index_taggings (id) ON DELETE CASCADE,
    CONSTRAINT fk_index_scores_concept FOREIGN KEY(concept) REFERENCES index_concepts (id)
)
 WITHOUT ROWID;
CREATE TABLE schema_revision (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT schema_revision_pkc PRIMARY KEY (version_num)
);
INSERT INTO schema_revision VALUES ('0005');
INSERT INTO meta VALUES ('commands', 'abc');
