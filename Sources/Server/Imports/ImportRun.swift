internal import Codecs
internal import Collect
internal import Control
internal import EventStore
internal import Hummingbird
internal import Journal
internal import Logging
internal import Model
internal import NIOCore
internal import ServiceLifecycle

/// One import: takes the body apart as it arrives and appends its rows to the journal, batch by batch. The next piece
/// of the body is read when the batch before is on disk, so the sender goes no faster than the disk.
///
/// A file that is sent again adds nothing: rows have ids that follow from what they hold. The journal knows those of
/// its window; where the store may hold older rows, it is asked, too (`KnownRows`).
///
/// It has one owner: the handler until `begin` returns, then the closure that writes the answer, never both. That is
/// why it may be handed over unchecked.
final class ImportRun: @unchecked Sendable {
    /// Rows of a batch; more when each batch costs a look into the store.
    private static let plainBatch = 5_000
    private static let lookupBatch = 50_000
    /// How often progress is told, in µs.
    private static let progressInterval: Int64 = 250_000
    /// The most rejected rows that the answer names; all are in `rejects`.
    private static let namedRejects = 100

    private let id: String
    private let exchange: Exchange
    private let runtime: ProjectRuntime
    private var reader: ImportReader
    private let decompressor: Decompressor
    private var body: RequestBody.AsyncIterator
    private var waiting: ArraySlice<ImportBatch> = []
    private var isAtEnd = false
    private var isDone = false
    /// Whether the sender was given up: the connection gives nothing more.
    private(set) var wasCut = false
    private var bytes: Int64 = 0
    private var counts = ImportCounts()
    private var rejects: [JSONValue] = []

    init(
        format: ImportReader.Format, mapping: ImportMapping?, zone: ImportZone, compression: Compression,
        exchange: Exchange, runtime: ProjectRuntime
    ) async throws {
        self.exchange = exchange
        self.runtime = runtime
        reader = ImportReader(
            format: format, mapping: mapping, zone: zone, receivedAt: exchange.receivedAt, ids: exchange.app.ids,
            batchRows: runtime.journal.duplicatesKnownAfter > 0 ? Self.lookupBatch : Self.plainBatch)
        decompressor = try Decompressor(compression)
        body = exchange.request.body.makeAsyncIterator()
        id = try await exchange.app.control.startImport(project: runtime.name, format: format.rawValue)
    }

    /// Reads until there are rows, so that a file that cannot be read at all is refused before the answer begins.
    func begin() async throws {
        do {
            while waiting.isEmpty, !isAtEnd { try await readMore() }
        } catch {
            try await end(with: Problem(mapping: error)?.detail ?? "the server failed")
            throw error
        }
    }

    /// Works until there is progress to tell, or to the end; nil when everything was told. The last line has
    /// `"done":true`.
    func nextLine() async throws -> JSONValue? {
        guard !isDone else { return nil }
        let began = SystemClock.monotonicMicroseconds()
        do {
            while true {
                while let batch = waiting.popFirst() {
                    try await store(batch)
                    if SystemClock.monotonicMicroseconds() - began >= Self.progressInterval { return line(done: false) }
                }
                if isAtEnd { break }
                if Task.isShuttingDownGracefully { throw CancellationError() }
                try await readMore()
            }
            isDone = true
            try await end(with: nil)
            return line(done: true)
        } catch {
            isDone = true
            let problem = Problem(mapping: error) ?? .fault
            wasCut = problem.endsConnection
            if problem.code == Problem.fault.code {
                exchange.logger.error("an import failed", metadata: ["error": "\(error)"])
            }
            try await end(with: problem.detail)
            return line(done: true, error: problem.detail)
        }
    }

    /// Takes the next piece of the body.
    private func readMore() async throws {
        let wait = exchange.app.configuration.importWait
        let next = try await exchange.app.bodies.read(exchange.context.channel, within: wait) {
            try await body.next()
        }
        guard let piece = next else {
            try decompressor.finish()
            waiting += try reader.finish()
            isAtEnd = true
            return
        }
        bytes += Int64(piece.readableBytes)
        if decompressor.kind == .none {
            waiting += try reader.read([UInt8](buffer: piece))
        } else {
            var plain: [UInt8] = []
            try decompressor.write([UInt8](buffer: piece).span, to: &plain)
            waiting += try reader.read(plain)
        }
    }

    /// Makes a batch durable.
    private func store(_ read: ImportBatch) async throws {
        let entry = runtime.suppressions.enter()
        defer { runtime.suppressions.leave(entry) }
        let batch = entry.list.map { read.filtered(by: $0) } ?? read
        // What the journal knows duplicates of, it finds itself; asked for each batch, since it forgets as time goes on.
        let known = try await KnownRows(batch, in: runtime.store, upTo: runtime.journal.duplicatesKnownAfter)
        let submission = ImportSubmission(batch, known)
        let receipt = try await append(submission.items)
        counts.rows += Int64(batch.rows.count)
        let isNew = submission.rowsWithNews(receipt)
        for (place, row) in batch.rows.enumerated() {
            if let reason = row.rejection {
                reject(reason, row)
            } else if isNew.contains(place) {
                counts.accepted += 1
            } else {
                counts.duplicates += 1
            }
            for item in row.more where item.kind == .reject { reject(String(decoding: item.name, as: UTF8.self), row) }
        }
        if !receipt.verdicts.isEmpty { counts.watermark = max(counts.watermark ?? 0, receipt.watermark) }
    }

    private func reject(_ reason: String, _ row: ImportRow) {
        counts.rejected += 1
        if rejects.count < Self.namedRejects {
            rejects.append(["line": JSONValue(row.line), "reason": .string(reason)])
        }
    }

    /// Appends, and waits while the journal is full: a file can wait, it need not be refused.
    private func append(_ submission: Submission) async throws -> Receipt {
        while true {
            do throws(JournalError) {
                return try await runtime.journal.append(submission)
            } catch {
                guard error.code == .queueFull || error.code == .backlogFull else { throw error }
                if Task.isShuttingDownGracefully { throw CancellationError() }
                try await Task.sleep(for: .seconds(error.retryAfterSeconds ?? 1))
            }
        }
    }

    /// Notes how it ended.
    private func end(with error: String?) async throws {
        let wire = exchange.app.metrics.importFile
        wire.accepted.add(counts.accepted)
        wire.duplicates.add(counts.duplicates)
        wire.rejected.add(counts.rejected)
        wire.bytes.add(bytes)
        if counts.watermark == nil, error == nil { counts.watermark = runtime.journal.durableSeq }
        try await exchange.app.control.finishImport(id, project: runtime.name, counts: counts, error: error)
    }

    private func line(done: Bool, error: String? = nil) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("done", .bool(done)), .init("id", .string(id)), .init("bytes", JSONValue(bytes)),
            .init("rows", JSONValue(counts.rows)), .init("accepted", JSONValue(counts.accepted)),
            .init("duplicates", JSONValue(counts.duplicates)), .init("rejected", JSONValue(counts.rejected)),
            .init("watermark", JSONValue(optional: counts.watermark)),
        ]
        if done { members.append(.init("rejects", .array(rejects))) }
        if let error { members.append(.init("error", .string(error))) }
        return .object(members)
    }
}
