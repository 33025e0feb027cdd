internal import Control
internal import Exports
internal import Model

/// A caller's folder in the KISSmetrics layout, to which an export has added.
struct KeptLayout: Sendable {
    let record: ExportRecord
    let names: NamedTexts

    /// How often a folder that somebody writes to is tried, and how long to wait in between.
    private static let attempts = 20
    private static let pause = Duration.milliseconds(500)

    /// Takes somebody's lines out; the export's manifest as it is then. Nil if there is nothing, and nothing is known of what
    /// there was.
    func erase(_ manifest: Manifest?) async throws -> (receipt: ErasureReceipt, manifest: Manifest?)? {
        guard let path = record.outPath else { return nil }
        for attempt in 1...Self.attempts {
            do {
                let found: (lines: Int64, manifest: Manifest?)? = try await Blocking.run {
                    guard PrivateFile.exists(path + "/revisions") else { return nil }
                    let folder = try LayoutFolder(path, exportID: record.id)
                    let lines = try folder.erase { names.isName($0) }
                    return (lines, try manifest.map { try folder.refreshed($0) })
                }
                if let found {
                    let how = "the folder's revisions written anew without the lines"
                    return (receipt(found.lines, true, how), found.manifest)
                }
                // Without a manifest it may never have published.
                guard manifest != nil else { return nil }
                let how = "its revisions are not where the export was written, so that nothing was touched there"
                return (receipt(0, true, how), nil)
            } catch let error as ExportError {
                guard error.isTransient else { break }
                // Somebody is adding to it.
                if attempt < Self.attempts { try await Task.sleep(for: Self.pause) }
            }
        }
        let how = "its folder cannot be used, or is not as the last run left it; lines may be in it still"
        return (receipt(0, false, how), nil)
    }

    private func receipt(_ lines: Int64, _ isVerified: Bool, _ how: String) -> ErasureReceipt {
        ErasureReceipt(kind: "export", name: record.id, rows: lines, verified: isVerified, how: how)
    }
}
