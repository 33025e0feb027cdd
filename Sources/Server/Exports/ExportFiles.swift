internal import Control
internal import Exports
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// The files of finished exports.
enum ExportFiles {
    static func manifest(_ exchange: Exchange) async throws -> Response {
        let (_, text) = try finished(try await exchange.exportRecord())
        return .json(bytes: Array(text.utf8))
    }

    /// One file: `?part=N` from 1, with ranges; the ETag is its SHA-256.
    static func file(_ exchange: Exchange) async throws -> Response {
        let record = try await exchange.exportRecord()
        let (manifest, _) = try finished(record)
        let number = try exchange.query.integer("part", in: 1...Int64(max(manifest.parts.count, 1))) ?? 1
        guard manifest.parts.indices.contains(Int(number) - 1) else {
            throw Problem.notFound("the export has no parts")
        }
        let part = manifest.parts[Int(number) - 1]
        let path = exchange.app.exports.folder(record) + "/" + part.file
        if manifest.erasure != nil {
            throw Problem(
                .gone, "file_erased",
                "the file \(part.file) had rows of somebody who was erased since, and the export names them; ask for a new one"
            )
        }
        guard unsafe access(path, R_OK) == 0 else {
            throw Problem(.gone, "file_gone", "the file \(part.file) is no longer there; run the export again")
        }
        let tag = "\"\(part.sha256)\""
        var headers: HTTPFields = [
            .contentType: manifest.recipients.isEmpty ? mediaType(part.file) : unknownType, .eTag: tag,
            .acceptRanges: "bytes",
            .contentDisposition: "attachment; filename=\"\(FilePlace(path: part.file).name)\"",
            .cacheControl: "private, no-cache",
        ]
        let request = exchange.request
        if let known = request.headers[.ifNoneMatch], known == "*" || known.contains(tag) {
            return Response(status: .notModified, headers: headers)
        }
        let size = Int(part.bytes)
        let wantsRange = request.headers[.ifRange].map { $0 == tag } ?? true
        guard wantsRange, let text = request.headers[.range], let range = try ByteRange.parse(text, size: size) else {
            exchange.note.rows(part.rows)
            let body = try await FileIO().loadFile(path: path, context: exchange.context)
            return Response(status: .ok, headers: headers, body: body)
        }
        headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound)/\(size)"
        let body = try await FileIO().loadFile(path: path, range: range, context: exchange.context)
        return Response(status: .partialContent, headers: headers, body: body)
    }

    /// The manifest of an export that has succeeded.
    private static func finished(_ record: ExportRecord) throws -> (Manifest, String) {
        guard let text = record.manifest, let json = try? JSONValue(text: text) else {
            throw Problem.conflict("not_finished", "the export is \(record.status.rawValue); it has no files")
        }
        return (try Manifest(json: json), text)
    }

    private static let unknownType = "application/octet-stream"

    /// The media type of a file by its name. Packed files are sent as they are, not as an encoding to be undone.
    private static func mediaType(_ name: String) -> String {
        let types = [
            ".csv": "text/csv; charset=utf-8", ".ndjson": "application/x-ndjson", ".gz": "application/gzip",
            ".zst": "application/zstd", ".parquet": "application/vnd.apache.parquet",
            ".json": "application/x-ndjson",
        ]
        return types.first { name.hasSuffix($0.key) }?.value ?? unknownType
    }
}

/// A `Range` header of one range of bytes (RFC 9110, 14.1.2).
enum ByteRange {
    /// The range within a file of `size` bytes; nil if the header is of another kind and is to be ignored.
    ///
    /// - Throws: 416 if it lies outside.
    static func parse(_ header: String, size: Int) throws(Problem) -> ClosedRange<Int>? {
        guard header.hasPrefix("bytes=") else { return nil }
        let text = header.dropFirst(6)
        guard !text.contains(","), let dash = text.firstIndex(of: "-") else { return nil }
        let (first, last) = (text[..<dash], text[text.index(after: dash)...])
        if first.isEmpty {
            guard let count = Int(last) else { return nil }
            guard count > 0, size > 0 else { throw outside(size) }
            return max(0, size - count)...(size - 1)
        }
        guard let start = Int(first), start >= 0, last.isEmpty || (Int(last) ?? -1) >= start else { return nil }
        guard start < size else { throw outside(size) }
        return start...min(Int(last) ?? .max, size - 1)
    }

    private static func outside(_ size: Int) -> Problem {
        var problem = Problem(.rangeNotSatisfiable, "range", "the file has \(size) bytes")
        problem.headers[.contentRange] = "bytes */\(size)"
        return problem
    }
}
