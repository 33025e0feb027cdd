public import Connectors
internal import Model

extension LoadBatch {
    /// In a manifest: the rows are not those of its specification alone.
    public static let transformedMark = "transformed"

    /// The batch with another file of the same format, as after a transformation. Blocks.
    public func with(file: String, columns: [LoadColumn], rows: Int64) throws(ConnectorError)
        -> LoadBatch
    {
        guard let digest = try FilePieces.digest(file) else {
            throw ConnectorError(.refused, "\(file) is not there", isTransient: true)
        }
        var batch = self
        (batch.file, batch.columns, batch.rows) = (file, columns, rows)
        (batch.bytes, batch.sha256) = digest
        guard case .object(let members) = manifest else { return batch }
        batch.manifest = .object(
            members.map { member in
                switch member.key {
                case "rows": .init("rows", JSONValue(rows))
                case "bytes": .init("bytes", JSONValue(digest.bytes))
                case "sha256": .init("sha256", .string(digest.sha256))
                case "columns":
                    .init(
                        "columns",
                        .array(columns.map { ["name": .string($0.name), "type": .string($0.type)] }))
                default: member
                }
            } + [.init(Self.transformedMark, true)])
        return batch
    }
}
