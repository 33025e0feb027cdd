public import Age
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
    /// Reads every part: it is there, and its size, its SHA-256 and its number of rows are right; so are the sums.
    /// Encrypted files are opened if there are identities: then all of it must be proved to be what was encrypted, and the
    /// rows are counted. Without identities only their sizes and digests are checked.
    ///
    /// Blocks while it reads.
    ///
    /// - Throws: `.mismatch` that names the first file that differs, and in what; `.files` if one cannot be read.
    public static func verify(
        _ path: String, identities: [AgeIdentity] = []
    ) throws(ExportError) -> Verification {
        let manifest = try Manifest.read(path)
        guard identities.isEmpty || !manifest.recipients.isEmpty else {
            throw ExportError(.mismatch, "\(path): the files are not encrypted; there is nothing to open")
        }
        let folder = FileSystem.split(path).folder
        var check = PartCheck(manifest, identities)
        for part in manifest.parts {
            guard isBeside(part.file, isFolder: manifest.form.format == .kissmetrics) else {
                throw ExportError(.mismatch, "the manifest names \"\(part.file)\", which is not beside it")
            }
            try check.check(part, folder + "/" + part.file)
        }
        let rows = manifest.parts.reduce(0) { $0 &+ $1.rows }
        let bytes = manifest.parts.reduce(0) { $0 &+ $1.bytes }
        guard rows == manifest.rows else { throw differs(path, "rows", rows, "the sum of the parts", manifest.rows) }
        guard bytes == manifest.bytes else {
            throw differs(path, "bytes", bytes, "the sum of the parts", manifest.bytes)
        }
        let sha256 = check.total?.hex ?? manifest.parts.first?.sha256 ?? ""
        guard sha256 == manifest.sha256 else {
            throw ExportError(.mismatch, "\(path): the SHA-256 of all parts is \(sha256), not \(manifest.sha256)")
        }
        return Verification(manifest: manifest, opened: check.opened)
    }

    /// Whether a file lies in the manifest's folder, or in a folder in it.
    private static func isBeside(_ file: String, isFolder: Bool) -> Bool {
        isFolder ? PathText.staysInside(file) : PathText.isName(file)
    }

    fileprivate static func differs(
        _ path: String, _ field: String, _ found: Int64, _ what: String, _ named: Int64
    ) -> ExportError {
        ExportError(.mismatch, "\(path): \(what) is \(found), and the manifest says \(named) \(field)")
    }
}

/// The check of one part after the other.
private struct PartCheck {
    private let format: ExportFormat
    private let compression: Compression
    private let identities: [AgeIdentity]
    /// Whether what is in the files can be read.
    private let isReadable: Bool
    /// Of all parts; nil where a single part's own digest is that already.
    private(set) var total: Digest?
    private var plaintext: Digest?
    private var plaintextBytes: Int64 = 0

    init(_ manifest: Manifest, _ identities: [AgeIdentity]) {
        (format, compression) = manifest.form
        self.identities = identities
        isReadable = manifest.recipients.isEmpty || !identities.isEmpty
        total = manifest.parts.count == 1 ? nil : Digest()
        plaintext = identities.isEmpty ? nil : Digest()
    }

    var opened: Verification.Opened? { plaintext.map { .init(bytes: plaintextBytes, sha256: $0.hex) } }

    mutating func check(_ part: Manifest.Part, _ path: String) throws(ExportError) {
        guard let size = try FileSystem.size(path) else { throw ExportError(.mismatch, "\(path) is missing") }
        guard size == part.bytes else {
            throw ManifestVerifier.differs(path, "bytes", size, "the file's size", part.bytes)
        }
        let reader = PartReader(path: path, identities: identities)
        var digest = Digest()
        var records = isReadable && format != .parquet ? try RecordCounter(format, compression, path) : nil
        var parquet = isReadable && format == .parquet ? ParquetEnd(path) : nil
        var bytes: Int64 = 0
        unsafe try reader.read(
            raw: { (piece) throws(ExportError) in
                unsafe digest.update(piece)
                unsafe total?.update(piece)
            },
            content: { (piece) throws(ExportError) in
                unsafe plaintext?.update(piece)
                unsafe try records?.read(piece)
                unsafe parquet?.read(piece)
                bytes += Int64(piece.count)
            })
        guard digest.hex == part.sha256 else {
            throw ExportError(.mismatch, "\(path): the SHA-256 is \(digest.hex), not \(part.sha256)")
        }
        if !identities.isEmpty {
            plaintextBytes += bytes
            if let named = part.plaintextBytes, named != bytes {
                throw ManifestVerifier.differs(path, "plaintext_bytes", bytes, "the size of what is encrypted", named)
            }
        }
        let rows: Int64? = if let parquet { try Self.rows(parquet, reader) } else { try records?.finish() }
        if let rows, rows != part.rows {
            throw ManifestVerifier.differs(path, "rows", rows, "the number of records", part.rows)
        }
    }

    /// The rows of a Parquet file; one with a very long footer is read a second time.
    private static func rows(_ parquet: ParquetEnd, _ reader: PartReader) throws(ExportError) -> Int64 {
        if let rows = try parquet.rows() { return rows }
        let footer = try parquet.footer()
        var piece = KeptPiece(footer.clamped(to: 0..<(footer.lowerBound + ParquetEnd.mostOfFooter)))
        unsafe try reader.read(
            raw: { _ in }, content: { (bytes) throws(ExportError) in unsafe piece.read(bytes) })
        return try parquet.rows(inFooter: piece.bytes[...])
    }
}
