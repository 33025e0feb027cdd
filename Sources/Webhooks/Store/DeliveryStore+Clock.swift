internal import GRDB
internal import Model

/// How the clocks stood when that was noted last.
extension DeliveryStore {
    /// Nil where it was never noted. Blocking.
    func clockMark() throws(WebhookError) -> ClockMark? {
        try readBlocking { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT boot, ahead_of_steady, held, until, since FROM clock_mark WHERE only = 1")
            else { return nil }
            let (boot, offset, ahead): (String, Int64, Int64) = (row[0], row[1], row[2])
            let (until, since): (Int64, Int64) = (row[3], row[4])
            return ClockMark(
                boot: boot, offset: offset, ahead: ahead, until: until, since: Timestamp(microseconds: since))
        }
    }

    func note(_ mark: ClockMark) async throws(WebhookError) {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO clock_mark (only, boot, ahead_of_steady, held, until, since)
                    VALUES (1, ?, ?, ?, ?, ?)
                    """, arguments: [mark.boot, mark.offset, mark.ahead, mark.until, mark.since.microseconds])
        }
    }
}
