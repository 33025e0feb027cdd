internal import GRDB
internal import Model

/// What an idempotency key means for the request that brought it.
public enum IdempotencyVerdict: Sendable, Equatable {
    /// The key is new and now taken: do the work, then `completeIdempotency` or `releaseIdempotency`.
    case first
    /// The same request was answered before: answer it alike.
    case replay(status: Int, body: [UInt8])
    /// The key was used for a different request.
    case mismatch
    /// The same request is being answered at this moment.
    case inProgress
}

extension ControlStore {
    /// How long a reply is kept: 24 hours, in µs.
    public static let idempotencyWindow: Int64 = 24 * 3600 * 1_000_000

    /// Takes an idempotency key, or says what came of the request that took it.
    public func beginIdempotency(
        project: String, key: String, request: Digest256
    ) async throws(ControlError) -> IdempotencyVerdict {
        try await write { db in
            let time = now().microseconds
            try db.execute(
                sql: "DELETE FROM idempotency WHERE created_at < ?", arguments: [time - Self.idempotencyWindow])
            let row = try Row.fetchOne(
                db, sql: "SELECT request_hash, status, body FROM idempotency WHERE project = ? AND key = ?",
                arguments: [project, key])
            guard let row else {
                try db.execute(
                    sql: "INSERT INTO idempotency (project, key, request_hash, created_at) VALUES (?, ?, ?, ?)",
                    arguments: [project, key, blob(request.bytes), time])
                return .first
            }
            guard bytes(row["request_hash"]) == request.bytes else { return .mismatch }
            guard let status: Int = row["status"] else { return .inProgress }
            return .replay(status: status, body: bytes(row["body"]) ?? [])
        }
    }

    /// Keeps the reply.
    public func completeIdempotency(
        project: String, key: String, status: Int, body: [UInt8]
    ) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE idempotency SET status = ?, body = ? WHERE project = ? AND key = ?",
                arguments: [status, blob(body), project, key])
        }
    }

    /// Gives a key back after a failure, so that the request can be tried again.
    public func releaseIdempotency(project: String, key: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM idempotency WHERE project = ? AND key = ? AND status IS NULL",
                arguments: [project, key])
        }
    }

    /// Forgets the replies of a project that were kept: one that is asked for again is made again.
    public func forgetReplies(project: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM idempotency WHERE project = ? AND status IS NOT NULL", arguments: [project])
        }
    }

    /// Gives back keys of requests that a stop of the server cut off.
    public func recoverIdempotency() async throws(ControlError) {
        try await write { db in try db.execute(sql: "DELETE FROM idempotency WHERE status IS NULL") }
    }
}
