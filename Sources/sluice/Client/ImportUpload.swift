import AsyncHTTPClient
import Model
import NIOCore

/// Streams one file to `POST /v1/imports` and reads how far the server is from the lines of its reply.
struct ImportUpload: Sendable {
    let source: FileSource
    let format: String
    let map: String?
    let timezone: String?
    /// What else is to be read, for the line that shows how far it is.
    var note = ""

    func run(_ client: APIClient) async throws -> ImportResult {
        var line = ProgressLine()
        defer { line.clear() }
        let first = try await source.read()
        var headers = [("Content-Type", format == "csv" ? "text/csv" : "application/x-ndjson")]
        if let first, let coding = Self.coding(of: first) { headers.append(("Content-Encoding", coding)) }
        let blocks = FileBlocks(first: first, source: source)
        let response = try await client.open(
            .post, "/v1/imports" + PercentEncoding.query(query), headers: headers,
            body: .stream(blocks, length: .unknown))
        var result = ImportResult(file: source.name)
        var lines = LineSplitter()
        do {
            for try await block in response.body {
                for text in lines.append(block) { try result.take(text) }
                line.show(
                    "\(source.name)\(note): \(Text.count(result.rows, "row"))",
                    share: source.size.map { Double(source.bytesRead) / Double(max($0, 1)) })
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            guard !Task.isCancelled else { throw CancellationError() }
            throw Failure(
                .unreachable,
                "\(source.name): the connection to \(client.name) broke: \(ClientErrors.describe(error)); "
                    + "run the import again, rows that are there already are not doubled")
        }
        if let text = lines.rest { try result.take(text) }
        guard result.isComplete else {
            throw Failure(
                .failed,
                "\(source.name): the server stopped before the end of the file; run the import again, rows that are "
                    + "there already are not doubled")
        }
        return result
    }

    private var query: [(String, String)] {
        var pairs = [("format", format)]
        if let map { pairs.append(("map", map)) }
        if let timezone { pairs.append(("timezone", timezone)) }
        return pairs
    }

    /// The compression that a file begins like.
    private static func coding(of block: ByteBuffer) -> String? {
        let start = Array(block.readableBytesView.prefix(4))
        if start.starts(with: [0x1f, 0x8b]) { return "gzip" }
        return start == [0x28, 0xb5, 0x2f, 0xfd] ? "zstd" : nil
    }
}

/// What became of one file.
struct ImportResult: Sendable {
    struct Reject: Sendable {
        let line: Int64
        let reason: String
    }

    let file: String
    private(set) var rows: Int64 = 0
    private(set) var accepted: Int64 = 0
    private(set) var duplicates: Int64 = 0
    private(set) var rejected: Int64 = 0
    private(set) var watermark: Int64?
    private(set) var rejects: [Reject] = []
    /// Whether the server said that it read the file to its end.
    private(set) var isComplete = false

    init(file: String) { self.file = file }

    /// Takes a line of the server's reply: how far it is, or the end.
    mutating func take(_ line: [UInt8]) throws {
        guard let value = try? JSONValue(line.span) else {
            throw Failure(.failed, "\(file): the server's reply is not JSON; is that a Sluice server?")
        }
        rows = value["rows"]?.intValue ?? rows
        accepted = value["accepted"]?.intValue ?? accepted
        duplicates = value["duplicates"]?.intValue ?? duplicates
        rejected = value["rejected"]?.intValue ?? rejected
        watermark = value["watermark"]?.intValue ?? watermark
        for reject in value["rejects"]?.arrayValue ?? [] {
            rejects.append(Reject(line: reject["line"]?.intValue ?? 0, reason: Text.plain(reject["reason"])))
        }
        if let error = value["error"]?.stringValue {
            throw Failure(
                .failed,
                "\(file): \(error) (after \(Text.count(rows, "row")); run the import again, rows that are there already "
                    + "are not doubled)")
        }
        isComplete = value["done"]?.boolValue ?? false
    }

    /// The file's part of `sluice import --json`.
    var json: JSONValue {
        [
            "file": .string(file), "rows": JSONValue(rows), "accepted": JSONValue(accepted),
            "duplicates": JSONValue(duplicates), "rejected": JSONValue(rejected),
            "rejects": .array(
                rejects.map { ["line": JSONValue($0.line), "reason": .string($0.reason)] }),
        ]
    }
}

/// Cuts a stream of blocks into lines.
struct LineSplitter {
    private var pending: [UInt8] = []

    /// The lines that a block completes; empty ones are left out.
    mutating func append(_ block: ByteBuffer) -> [[UInt8]] {
        pending += block.readableBytesView
        guard let end = pending.lastIndex(of: 0x0a) else { return [] }
        let lines = pending[..<end].split(separator: 0x0a).map(Array.init)
        pending.removeFirst(end + 1)
        return lines
    }

    /// What came after the last line end.
    var rest: [UInt8]? { pending.isEmpty ? nil : pending }
}
