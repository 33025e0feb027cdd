import DuckDB
import Model
import Testing

@testable import EventStore

extension ColdTests {
    @Test func aStoreOfFormat1IsTakenOver() async throws {
        let folder = try TemporaryFolder()
        do {
            let database = try Database(path: folder.path + "/hot.duckdb")
            let connection = try database.connect()
            try connection.execute(
                """
                CREATE TABLE events(seq BIGINT, event_id VARCHAR, identity_id BIGINT, event VARCHAR, timestamp TIMESTAMP,
                    received_at TIMESTAMP, properties VARCHAR);
                CREATE TABLE identities(identity_id BIGINT, identity VARCHAR, person_id BIGINT, named_seq BIGINT,
                    first_seq BIGINT);
                CREATE TABLE property_changes(seq BIGINT, identity_id BIGINT, timestamp TIMESTAMP, name VARCHAR,
                    value VARCHAR);
                CREATE TABLE aliases(seq BIGINT, timestamp TIMESTAMP, identity VARCHAR, other VARCHAR,
                    identity_id BIGINT, other_id BIGINT, derived BOOLEAN, undone_seq BIGINT);
                CREATE TABLE rejects(seq BIGINT, received_at TIMESTAMP, protocol VARCHAR, reason VARCHAR, raw VARCHAR);
                CREATE TABLE names(kind VARCHAR, name VARCHAR, folded VARCHAR, first_seq BIGINT);
                CREATE TABLE state(key VARCHAR, value BIGINT);
                INSERT INTO state VALUES ('format_version', 1), ('applied_seq', 2), ('identity_count', 1),
                    ('committed_at', 0);
                INSERT INTO identities VALUES (1, 'ann', 1, NULL, 1);
                INSERT INTO events VALUES (1, 'e1', 1, 'Seen', '2026-01-02', '2026-01-02', '{}');
                INSERT INTO property_changes VALUES (2, 1, '2026-02-02', 'plan', '"pro"');
                """)
        }
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            #expect(fixture.store.appliedSeq == 2)
            try await fixture.apply([event("ann", "Bought", id: "e3")])
            let expected = try await Self.rows(fixture.store)
            #expect(expected.count == 3)
            try await Compactor(store: fixture.store, logger: Self.logger).compact(isFull: true)
            #expect(try await Self.rows(fixture.store) == expected)
            #expect(try await fixture.rows("SELECT value FROM state WHERE key = 'format_version'") == ["3"])
        }
    }

    @Test func aStoreOfFormat2IsTakenOver() async throws {
        let folder = try TemporaryFolder()
        let (expected, before) = try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            try await fixture.apply(Self.items(300, seed: 4))
            try await Compactor(store: fixture.store, logger: Self.logger).compact(isFull: true)
            return (try await Self.rows(fixture.store), fixture.store.layout.files)
        }
        do {
            // As that format had it.
            let database = try Database(path: folder.path + "/hot.duckdb")
            let connection = try database.connect()
            try connection.execute(
                "ALTER TABLE cold_files DROP COLUMN run; UPDATE state SET value = 2 WHERE key = 'format_version'")
        }
        try await StoreFixture.with(folder, settings: Self.settings) { fixture in
            #expect(try await fixture.rows("SELECT value FROM state WHERE key = 'format_version'") == ["3"])
            #expect(fixture.store.layout.files.map(\.name).sorted() == before.map(\.name).sorted())
            #expect(fixture.store.layout.files.allSatisfy { $0.run == $0.id })
            #expect(try await Self.rows(fixture.store) == expected)
            // What are many runs of a month then becomes one.
            try await Compactor(store: fixture.store, logger: Self.logger).compact(isFull: true)
            #expect(try await Self.rows(fixture.store) == expected)
            try await Self.check(fixture.store)
        }
    }
}
