internal import Control
internal import Exports
internal import Model

/// The files of one export that has succeeded. All calls block.
struct KeptFiles: Sendable {
    /// What lies where they were written.
    enum State: Equatable, Sendable {
        case ours
        /// All of them are gone; the manifest is there.
        case gone
        /// The manifest is not there either: whatever is there may be anybody's.
        case unknown
        /// The files of another export; these.
        case replaced([String])
        /// Why it cannot be told.
        case unreadable
    }

    /// What a receipt says of a file that was removed.
    static let removed = "file removed"

    let record: ExportRecord
    let manifest: Manifest
    let folder: String
    /// How many rows they have at most of those that went.
    let rows: Int64

    /// Where their manifest lies, if a caller wanted them somewhere.
    private var beside: String? { record.outPath.map { $0 + Manifest.suffix } }

    /// Where their manifest lies in a folder of their own; nil if it is gone with them.
    private var own: String? {
        Folder.names(folder).first { $0.hasSuffix(Manifest.suffix) }.map { folder + "/" + $0 }
    }

    func state() -> State {
        guard let beside else { return .ours }
        do {
            guard let bytes = try PrivateFile.read(beside) else { return .unknown }
            let json = try? JSONValue(bytes.span)
            guard json?["export_id"]?.stringValue == record.id else {
                let parts = json?["parts"]?.arrayValue ?? []
                return .replaced(parts.compactMap { $0["file"]?.stringValue })
            }
            return manifest.parts.contains { PrivateFile.exists(path($0)) } ? .ours : .gone
        } catch {
            return .unreadable
        }
    }

    /// Removes them if they are this export's; a receipt for each, and whether some were there and none is now.
    func remove(_ state: State) -> (receipts: [ErasureReceipt], isRemoved: Bool) {
        guard record.outPath != nil else {
            Folder.remove(folder)
            let receipts = manifest.parts.enumerated().map {
                receipt(name($0), verified: !PrivateFile.exists(path($1)), Self.removed)
            }
            return (receipts, !PrivateFile.exists(folder))
        }
        let receipts = manifest.parts.enumerated().map { remove($1, name($0), state) }
        return (receipts, state == .ours && self.state() == .gone)
    }

    private func remove(_ part: Manifest.Part, _ name: String, _ state: State) -> ErasureReceipt {
        let isThere = PrivateFile.exists(path(part))
        switch state {
        case .ours where isThere:
            // One that cannot be removed says so by being there.
            try? PrivateFile.remove(path(part))
            let isGone = !PrivateFile.exists(path(part))
            return receipt(name, verified: isGone, isGone ? Self.removed : "the file cannot be removed")
        case .ours, .gone:
            return receipt(name, verified: !isThere, "its owner has moved or removed it; nothing was touched")
        case .replaced(let files):
            return receipt(
                name, verified: !isThere || files.contains(part.file),
                "replaced by another export; nothing was touched")
        case .unknown:
            return receipt(
                name, verified: !isThere,
                "its manifest is not where the export was written, so that nothing was touched there")
        case .unreadable:
            return receipt(
                name, verified: false,
                "the place where the export was written cannot be read, so that nothing was touched there")
        }
    }

    /// Writes another manifest where this export's is; a receipt if that cannot be done.
    func replaceManifest(_ text: String) -> ErasureReceipt? {
        guard let place = beside ?? own, [.ours, .gone].contains(state()) else { return nil }
        do {
            try PrivateFile.write(Array((text + "\n").utf8), to: place)
            return nil
        } catch {
            return ErasureReceipt(
                kind: "export", name: "\(record.id) manifest", rows: 0, verified: false,
                how: "the manifest cannot be written")
        }
    }

    func path(_ part: Manifest.Part) -> String { folder + "/" + part.file }

    /// What a part is called in receipts.
    func name(_ place: Int) -> String {
        record.outPath == nil ? "\(record.id)/\(manifest.parts[place].file)" : "\(record.id) part \(place + 1)"
    }

    private func receipt(_ name: String, verified: Bool, _ how: String) -> ErasureReceipt {
        ErasureReceipt(kind: "export", name: name, rows: rows, verified: verified, how: how)
    }
}
