internal import DuckDB

/// Changes to rows that earlier batches wrote: each one statement from a temporary table.
enum RowUpdates {
    /// Sets a column of `identities`: `person_id`, or `named_seq`.
    static func setIdentities(
        _ column: String, _ values: [(identity: Int64, value: Int64)], _ connection: Connection
    ) throws(StoreError) {
        guard !values.isEmpty else { return }
        do {
            try connection.execute("CREATE OR REPLACE TEMP TABLE identity_changes(identity_id BIGINT, value BIGINT)")
            var appender = try connection.appender("identity_changes", [.int64, .int64])
            for (identity, value) in values {
                appender.setInt64(0, identity)
                appender.setInt64(1, value)
                try appender.endRow()
            }
            try appender.finish()
            try connection.execute(
                """
                UPDATE identities SET \(column) = c.value FROM identity_changes c
                WHERE identities.identity_id = c.identity_id
                """)
        } catch {
            throw StoreError(error)
        }
    }

    /// Marks the tied rows of pairs as undone.
    static func undo(_ pairs: [IdentityPair: Int64], _ connection: Connection) throws(StoreError) {
        guard !pairs.isEmpty else { return }
        do {
            try connection.execute("CREATE OR REPLACE TEMP TABLE undone_pairs(low BIGINT, high BIGINT, seq BIGINT)")
            var appender = try connection.appender("undone_pairs", [.int64, .int64, .int64])
            for (pair, seq) in pairs {
                appender.setInt64(0, pair.low)
                appender.setInt64(1, pair.high)
                appender.setInt64(2, seq)
                try appender.endRow()
            }
            try appender.finish()
            try connection.execute(
                """
                UPDATE aliases SET undone_seq = u.seq FROM undone_pairs u
                WHERE least(aliases.identity_id, aliases.other_id) = u.low
                    AND greatest(aliases.identity_id, aliases.other_id) = u.high AND aliases.undone_seq IS NULL
                """)
        } catch {
            throw StoreError(error)
        }
    }
}
