"""The tables of the state file, step by step: a new version adds a step and never changes an old one.

Times are seconds since the epoch.
"""

_FIRST = (
    """
    CREATE TABLE alerts (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        change INTEGER NOT NULL,  -- grows with every change of any alert
        rule_uuid TEXT NOT NULL,
        rule_id TEXT NOT NULL,
        rule_name TEXT NOT NULL,
        severity INTEGER NOT NULL,  -- place in SEVERITIES
        risk INTEGER NOT NULL,
        user TEXT,  -- who did it
        reason TEXT NOT NULL,
        document BLOB NOT NULL,  -- as the first match made it, and graver ones changed it; the columns below are newer
        grouped BLOB NOT NULL,  -- hash of what makes matches one group
        start REAL NOT NULL,
        end REAL NOT NULL,
        count INTEGER NOT NULL,
        held INTEGER NOT NULL,  -- ancestors, those in the document and those beside it
        detected REAL NOT NULL,
        status TEXT NOT NULL DEFAULT 'open',
        closed_as TEXT,
        decided_by TEXT,
        decided REAL,
        version INTEGER NOT NULL DEFAULT 1  -- grows with every decision
    )
    """,
    "CREATE INDEX alerts_by_group ON alerts (grouped, end)",
    "CREATE INDEX alerts_by_start ON alerts (start, number)",
    "CREATE INDEX alerts_by_change ON alerts (change)",
    "CREATE INDEX alerts_by_status ON alerts (status, start)",
    "CREATE INDEX alerts_by_severity ON alerts (status, severity)",
    """
    CREATE TABLE ancestors (
        alert INTEGER NOT NULL REFERENCES alerts (number) ON DELETE CASCADE,
        place INTEGER NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (alert, place)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE counted (  -- matches that are part of an alert, so that none counts twice
        match BLOB PRIMARY KEY,
        alert INTEGER NOT NULL REFERENCES alerts (number) ON DELETE CASCADE
    ) WITHOUT ROWID
    """,
    "CREATE INDEX counted_by_alert ON counted (alert)",
    """
    CREATE TABLE history (
        number INTEGER PRIMARY KEY,
        alert INTEGER NOT NULL REFERENCES alerts (number) ON DELETE CASCADE,
        time REAL NOT NULL,
        user TEXT NOT NULL,
        action TEXT NOT NULL,
        reason TEXT,
        note TEXT NOT NULL
    )
    """,
    "CREATE INDEX history_by_alert ON history (alert)",
    """
    CREATE TABLE outbox (
        sink TEXT NOT NULL,
        alert INTEGER NOT NULL REFERENCES alerts (number) ON DELETE CASCADE,
        state TEXT NOT NULL DEFAULT 'pending',  -- delivered, failed
        due REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (sink, alert)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX outbox_by_due ON outbox (sink, state, due)",
    "CREATE INDEX outbox_by_alert ON outbox (alert)",
    "CREATE TABLE changes (last INTEGER NOT NULL)",
    "INSERT INTO changes VALUES (0)",
    "CREATE TABLE pointers (name TEXT PRIMARY KEY, partition TEXT NOT NULL, pointer INTEGER NOT NULL)",
    """
    CREATE TABLE tokens (
        number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
        hash BLOB NOT NULL UNIQUE,
        kind TEXT NOT NULL,  -- api, session, login: the last is good for one use
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        created REAL NOT NULL,
        expires REAL,
        last_used REAL
    )
    """,
    """
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
        time REAL NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        detail BLOB NOT NULL
    )
    """,
    "CREATE INDEX audit_by_time ON audit (time)",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE replayed (event TEXT PRIMARY KEY, time REAL NOT NULL) WITHOUT ROWID",
)

_VERDICTS = (  # for whom a verdict on a detector's alert counts: the entity, or its whole group
    "ALTER TABLE history ADD COLUMN scope TEXT NOT NULL DEFAULT 'entity'",
)

# of a store that is fed from the journal
_FEED = (
    "CREATE TABLE troubles (name TEXT PRIMARY KEY, reason TEXT NOT NULL, since REAL NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE held (  -- records that the store has not taken whole: their partition is kept
        partition TEXT NOT NULL,
        pointer INTEGER NOT NULL,
        event TEXT NOT NULL,
        reason TEXT NOT NULL,
        time REAL NOT NULL,
        PRIMARY KEY (partition, pointer)
    ) WITHOUT ROWID
    """,
)

# a place in the journal is of one cluster; of which one the places before were is not known
_CLUSTERS = (
    """
    CREATE TABLE clusters (  -- the one that answered last at each address
        address TEXT PRIMARY KEY,
        cluster TEXT NOT NULL,  -- its UUID
        certain INTEGER NOT NULL  -- whether since the run began
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE taken (  -- up to where it has the journal
        way TEXT NOT NULL,  -- fed, copied
        cluster TEXT NOT NULL,
        namespace TEXT NOT NULL,
        partition TEXT NOT NULL,
        pointer INTEGER NOT NULL,
        PRIMARY KEY (way, cluster, namespace)
    ) WITHOUT ROWID
    """,
    "DELETE FROM pointers WHERE name = 'fed' OR name LIKE 'copied to %'",
)

STEPS = (_FIRST, _VERDICTS, _FEED, _CLUSTERS)
