internal import Control
internal import DuckDB
internal import EventStore
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Logging
internal import Model
internal import People

/// Aliases: the log of what was tied, and the way back.
enum AliasRoutes {
    /// What an alias's document has.
    private static let columns: Set<ColumnNeed> = [
        .builtin(.seq), .builtin(.timestamp), .builtin(.identity), .builtin(.other), .builtin(.undoneSeq),
    ]

    static let routes = [
        Route(
            .get, "/v1/aliases", .scope(.peopleRead), columns: .always(columns),
            audit: .read("aliases.list", of: "aliases")
        ) { exchange in
            let (limit, cursor) = (try exchange.query.limit(), exchange.query["cursor"])
            return try await exchange.read { reader in
                exchange.counted(try reader.aliases(limit: limit, cursor: cursor))
            }
        },
        Route(.post, "/v1/aliases/{seq}/undo", .scope(.admin), audit: .act("aliases.undo")) { exchange in
            let body = try await Body.collect(exchange)
            return try await Idempotency.run(exchange, body: body) { (.ok, try await undo(exchange)) }
        },
    ]

    /// Writes the undoing to the journal, as all that is stored, and waits until reads show it.
    private static func undo(_ exchange: Exchange) async throws -> [UInt8] {
        guard let seq = Int64(exchange.parameters[0]), seq > 0 else {
            throw Problem.badRequest("an alias is named by its seq, a whole number from 1")
        }
        let alias = try await exchange.reading { reader in try reader.alias(seq) }
        switch AliasUndo(alias, at: exchange.receivedAt) {
        case .unknown: throw Problem.notFound("there is no alias with the seq \(seq)")
        case .undone(let by): throw Problem.conflict("already_undone", "the alias \(seq) was undone by \(by)")
        case .write(let item):
            let runtime = try exchange.project()
            var submission = Submission()
            submission.add(item)
            let receipt = try await runtime.journal.append(submission)
            _ = try await runtime.pin(receipt.watermark, wait: exchange.app.configuration.readWait)
            exchange.logger.info("an alias was undone", metadata: ["seq": .stringConvertible(seq)])
            let answer: JSONValue = ["seq": JSONValue(seq), "undone_seq": JSONValue(receipt.watermark)]
            return Array(answer.text.utf8)
        }
    }
}
