-- Who may read a youth, and under which number that reader knows it. Kept from the owner's events
-- by chassis/fhir/readers.py; every FHIR read and search joins `reader`.

-- One row per organisation and kind, so that a join never doubles a row.
CREATE TABLE reader (
    stream_id       uuid           NOT NULL,
    organisation_id uuid           NOT NULL,
    kind            text           NOT NULL CONSTRAINT reader_kind CHECK (kind IN ('hub', 'payer')),
    reads           datemultirange NOT NULL DEFAULT '{}',
    released        boolean        NOT NULL DEFAULT false,
    system          text,
    value           text,
    PRIMARY KEY (stream_id, organisation_id, kind)
);
CREATE INDEX reader_organisation ON reader (organisation_id, kind, stream_id);

-- What `reader.reads` is made of: an organisation may serve a youth twice over, and end one of both.
CREATE TABLE reader_part (
    stream_id       uuid           NOT NULL,
    organisation_id uuid           NOT NULL,
    kind            text           NOT NULL,
    part            text           NOT NULL,
    reads           datemultirange NOT NULL,
    PRIMARY KEY (stream_id, organisation_id, kind, part)
);
