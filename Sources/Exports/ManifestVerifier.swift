internal import Codecs
internal import Model

extension Manifest {
    /// Reads a manifest file.
    public static func read(_ path: String) throws(ExportError) -> Manifest {
        let bytes = try FileSystem.contents(path)
        let json: JSONValue
        do { json = try JSONValue(bytes.span) } catch {
            throw ExportError(.mismatch, "\(path) is not JSON: \(error.reason) (byte \(error.offset))")
        }
        return try Manifest(json: json)
    }
}

/// Checks that an export's files are what their manifest says.
public enum ManifestVerifier {
    /// Reads every part: it is there, and its size, its SHA-256 and (CSV, NDJSON) its number of records are right; so are the sums.
    ///
    /// Blocks while it reads.
    ///
    /// - Throws: `.mismatch` that names the first file that differs, and in what; `.files` if one cannot be read.
    public static func verify(_ path: String) throws(ExportError) -> Manifest {
        let manifest = try Manifest.read(path)
        let folder = FileSystem.split(path).folder
        let format = manifest.spec["format"]?.stringValue.flatMap(ExportFormat.init(rawValue:)) ?? .csv
        let compression = manifest.spec["compression"]?.stringValue.flatMap(Compression.init(rawValue:)) ?? .none
        // A single part's own digest is that of all.
        var total = manifest.parts.count == 1 ? nil : Digest()
        for part in manifest.parts {
            guard isBeside(part.file, isFolder: format == .kissmetrics) else {
                throw ExportError(.mismatch, "the manifest names \"\(part.file)\", which is not beside it")
            }
            try check(part, folder + "/" + part.file, format, compression, &total)
        }
        let rows = manifest.parts.reduce(0) { $0 &+ $1.rows }
        let bytes = manifest.parts.reduce(0) { $0 &+ $1.bytes }
        guard rows == manifest.rows else { throw differs(path, "rows", rows, "the sum of the parts", manifest.rows) }
        guard bytes == manifest.bytes else {
            throw differs(path, "bytes", bytes, "the sum of the parts", manifest.bytes)
        }
        let sha256 = total?.hex ?? manifest.parts.first?.sha256 ?? ""
        guard sha256 == manifest.sha256 else {
            throw ExportError(.mismatch, "\(path): the SHA-256 of all parts is \(sha256), not \(manifest.sha256)")
        }
        return manifest
    }

    /// Whether a file lies in the manifest's folder, or in a folder in it.
    private static func isBeside(_ file: String, isFolder: Bool) -> Bool {
        let steps = file.split(separator: "/", omittingEmptySubsequences: false)
        return (isFolder || steps.count == 1) && steps.allSatisfy { !$0.isEmpty && $0 != ".." && $0 != "." }
    }

    private static func check(
        _ part: Manifest.Part, _ path: String, _ format: ExportFormat, _ compression: Compression,
        _ total: inout Digest?
    ) throws(ExportError) {
        guard let size = try FileSystem.size(path) else { throw ExportError(.mismatch, "\(path) is missing") }
        guard size == part.bytes else { throw differs(path, "bytes", size, "the file's size", part.bytes) }
        var digest = Digest()
        var counter = format == .parquet ? nil : try RecordCounter(format, compression, path)
        unsafe try FileSystem.read(path) { (bytes) throws(ExportError) in
            unsafe digest.update(bytes)
            unsafe total?.update(bytes)
            unsafe try counter?.read(bytes)
        }
        guard digest.hex == part.sha256 else {
            throw ExportError(.mismatch, "\(path): the SHA-256 is \(digest.hex), not \(part.sha256)")
        }
        guard let rows = try counter?.finish() else { return }
        guard rows == part.rows else { throw differs(path, "rows", rows, "the number of records", part.rows) }
    }

    private static func differs(
        _ path: String, _ field: String, _ found: Int64, _ what: String, _ named: Int64
    ) -> ExportError {
        ExportError(.mismatch, "\(path): \(what) is \(found), and the manifest says \(named) \(field)")
    }
}

/// Counts the records of a CSV or NDJSON file as its bytes come.
private struct RecordCounter {
    private let isCSV: Bool
    private let path: String
    private let decompressor: Decompressor
    private var unpacked: [UInt8] = []
    private var lines: Int64 = 0
    private var isQuoted = false

    init(_ format: ExportFormat, _ compression: Compression, _ path: String) throws(ExportError) {
        isCSV = format == .csv
        self.path = path
        do { decompressor = try Decompressor(compression) } catch { throw ExportError(.files, error.message) }
    }

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(ExportError) {
        unpacked.removeAll(keepingCapacity: true)
        // Lent for the call.
        let span = unsafe Span<UInt8>(_unsafeElements: bytes.bindMemory(to: UInt8.self))
        do { try decompressor.write(span, to: &unpacked) } catch {
            throw ExportError(.mismatch, "\(path): \(error.message)")
        }
        for byte in unpacked {
            if byte == 0x0a {
                if !isQuoted { lines += 1 }
            } else if byte == 0x22, isCSV {
                // A doubled quote turns twice.
                isQuoted.toggle()
            }
        }
    }

    /// The number of records, without a CSV's header.
    func finish() throws(ExportError) -> Int64 {
        do { try decompressor.finish() } catch { throw ExportError(.mismatch, "\(path): \(error.message)") }
        guard !isQuoted else { throw ExportError(.mismatch, "\(path): it ends inside a quoted field") }
        return isCSV ? lines - 1 : lines
    }
}
