internal import Connectors
internal import Crypto

/// What was sent to where nothing can be asked for again: one small file for each, written when it was taken, so that the same load sends
/// it once. Who is killed between the one and the other sends it twice, under the same id.
public struct SentLedger: Sendable {
    private let folder: String

    /// - Parameter folder: is made when something is sent.
    public init(folder: String) { self.folder = folder }

    /// The name of a load: of a window where a run covers what is new, else of the run, since the same rows may be wanted again.
    static func name(_ batch: LoadBatch, to location: String) -> String {
        let what =
            batch.isIncremental
            ? [batch.stream.installation, batch.stream.pipeline, "\(batch.seqFrom)", "\(batch.seqTo)", location]
            : [batch.stream.installation, batch.run, location]
        return Hex.text(SHA256.hash(data: Array(what.joined(separator: "\n").utf8)).prefix(20))
    }

    /// Whether it was sent. Blocks.
    func has(_ name: String) -> Bool { FilePieces.names(folder).contains(name) }

    /// Notes that it was. Blocks.
    func note(_ name: String, _ batch: LoadBatch) throws(ConnectorError) {
        try FolderRoots.make(all: folder)
        try FilePieces.write(Array("\(batch.run)\n".utf8), to: folder + "/" + name)
    }
}
