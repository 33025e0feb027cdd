public import Connectors
public import Model

extension LoadBatch {
    /// In a manifest: the rows are not those of its specification alone.
    public static let transformedMark = "transformed"
    /// In a manifest: what columns hold that tells whose a row is.
    public static let tellingMark = "tells"
    /// In a manifest: a query made the rows, so that what columns hold is known by their names alone.
    public static let derivedMark = "derived"
    /// In a manifest: erasures whose rows were taken out of the file itself.
    public static let erasuresMark = "erasures"
    /// In a manifest: which erasure is about to put another file, and that one's SHA-256. Where the file is that one, the manifest is to follow.
    public static let intentMark = "erasing"

    /// The batch with another file of the same format, as after a transformation. Blocks.
    public func with(file: String, columns: [LoadColumn], rows: Int64) throws(ConnectorError) -> LoadBatch {
        var batch = try with(file: file, rows: rows, after: manifest)
        batch.columns = columns
        guard case .object(let members) = batch.manifest else { return batch }
        let described = JSONValue.array(columns.map { ["name": .string($0.name), "type": .string($0.type)] })
        batch.manifest = .object(
            members.map { $0.key == "columns" ? .init("columns", described) : $0 } + [.init(Self.transformedMark, true)]
        )
        return batch
    }

    /// The batch with another file and a manifest that says its size. Blocks.
    public func with(file: String, rows: Int64, after manifest: JSONValue) throws(ConnectorError) -> LoadBatch {
        guard let digest = try FilePieces.digest(file) else {
            throw ConnectorError(.refused, "\(file) is not there", isTransient: true)
        }
        var batch = self
        (batch.file, batch.rows, batch.manifest) = (file, rows, manifest)
        (batch.bytes, batch.sha256) = digest
        guard case .object(let members) = manifest else { return batch }
        batch.manifest = .object(
            members.map { member in
                switch member.key {
                case "rows": .init("rows", JSONValue(rows))
                case "bytes": .init("bytes", JSONValue(digest.bytes))
                case "sha256": .init("sha256", .string(digest.sha256))
                default: member
                }
            })
        return batch
    }

    /// Has the manifest say what the columns hold that tells whose a row is; it is all that says so once the rows are at their destination.
    ///
    /// - Parameter isDerived: whether a query makes the rows.
    public mutating func tell(_ columns: [String: String], isDerived: Bool = false) {
        guard case .object(let members) = manifest else { return }
        let telling = columns.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
        var told = members.filter { $0.key != Self.tellingMark } + [.init(Self.tellingMark, .object(telling))]
        if isDerived { told.append(.init(Self.derivedMark, true)) }
        manifest = .object(told)
    }
}
