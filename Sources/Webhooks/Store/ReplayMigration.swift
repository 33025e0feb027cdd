internal import GRDB

/// What is sent again together.
enum ReplayMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE replays (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    project TEXT NOT NULL,
                    endpoint INTEGER NOT NULL REFERENCES endpoints (number) ON DELETE CASCADE,
                    asked TEXT NOT NULL,
                    made_by TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    total INTEGER NOT NULL DEFAULT 0,
                    -- more of it is still being looked for; the server ended before all was
                    is_taking INTEGER NOT NULL DEFAULT 1 CHECK (is_taking IN (0, 1)),
                    is_partial INTEGER NOT NULL DEFAULT 0 CHECK (is_partial IN (0, 1)),
                    cancelled_at INTEGER,
                    -- how many are what they were before, since it was called off
                    put_back INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE INDEX replays_project ON replays (project, number);
                CREATE INDEX replays_endpoint ON replays (endpoint);
                -- the last one that a delivery was a part of, and what it was before
                ALTER TABLE deliveries ADD COLUMN replay INTEGER;
                ALTER TABLE deliveries ADD COLUMN state_before INTEGER;
                CREATE INDEX deliveries_replay ON deliveries (replay, state) WHERE replay IS NOT NULL;
                """)
    }
}

/// What each delivery of a replay was before, as a whole; how many of a replay that is over became what; whom something that did not
/// arrive is of, where nobody knew that; and how the two clocks stood.
enum ReplayReturnMigration {
    static func make(_ db: Database) throws {
        try db.execute(
            sql: """
                -- of one that is sent again with others, what it was: state, lane, next_at, forgiven, reason, finished_at.
                -- "state_before" says nothing any more.
                ALTER TABLE deliveries ADD COLUMN was TEXT;
                UPDATE deliveries SET was = json_array(coalesce(state_before, 3), 0,
                    CASE state_before WHEN 0 THEN next_at END, forgiven,
                    CASE WHEN state_before IN (0, 2) THEN NULL ELSE 'sending it again was called off' END, NULL)
                    WHERE replay IS NOT NULL AND state IN (0, 1);
                -- how many were in which state when nothing of it was open any more, by the number of the state
                ALTER TABLE replays ADD COLUMN counts TEXT;
                -- what may still go out of somebody who was not known; a hash begins with i_, a person with p
                CREATE INDEX deliveries_unknown ON deliveries (whose)
                    WHERE whose < 'j' AND order_key IS NULL AND state <> 2;
                CREATE TABLE clock_mark (
                    only INTEGER PRIMARY KEY CHECK (only = 1),
                    boot TEXT NOT NULL,
                    ahead_of_steady INTEGER NOT NULL,
                    held INTEGER NOT NULL,
                    until INTEGER NOT NULL,
                    since INTEGER NOT NULL
                ) STRICT;
                """)
    }
}
