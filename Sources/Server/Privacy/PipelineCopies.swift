internal import Control
internal import EventStore
internal import Model
internal import Pipelines

/// What pipelines keep of rows on this machine: files of runs that are under way, rows that were put aside, samples, definitions.
struct PipelineCopies: Sendable {
    let runtime: ProjectRuntime
    let control: ControlStore
    let keeper: PipelineKeeper
    let items: RemovedItems
    let names: NamedTexts

    private var folder: String { runtime.directory + "/pipelines" }

    func erase() async throws -> [ErasureReceipt] {
        let seqs = items.seqs.sorted()
        // What is under way read the store before: it reads it again.
        await keeper.interrupt(project: runtime.name)
        let atWork = Set(
            try await control.openPipelineRuns().filter { $0.project == runtime.name && $0.nextAttemptAt == nil }.map(
                \.id))
        let (folder, names) = (folder, names)
        let (rows, found, left) = try await Blocking.run {
            var (rows, found, left): (Int64, Int, Int) = (0, 0, 0)
            for pipeline in Folder.names(folder) {
                for name in Folder.names("\(folder)/\(pipeline)")
                where name != "quarantine" && name != KeptRunFiles.name && !atWork.contains(name) {
                    Folder.remove("\(folder)/\(pipeline)/\(name)")
                }
                let kept = KeptRunFiles(pipeline: "\(folder)/\(pipeline)").erase(seqs)
                (found, left) = (found + kept.found, left + kept.left)
                for name in Folder.names("\(folder)/\(pipeline)/quarantine") {
                    rows += try Self.filter("\(folder)/\(pipeline)/quarantine/\(name)", names, Set(seqs))
                }
            }
            return (rows, found, left)
        }
        let records = try await control.rewritePipelines(
            project: runtime.name, definition: { names.redacted(pipeline: $0) },
            run: { names.redacted($0, seqs: seqs) }, text: { names.redacted(told: $0) })
        return [
            ErasureReceipt(
                kind: "quarantine", name: "pipelines", rows: rows, verified: true,
                how: rows == 0 ? "no row of theirs was put aside" : "files written anew without the rows"),
            ErasureReceipt(
                kind: "pipelines", name: "kept files", rows: 0, verified: left == 0,
                how: found == 0
                    ? "no file of a run that is kept may have had rows of theirs"
                    : "removed \(found - left) of \(found) files that may have had rows of theirs"),
            ErasureReceipt(
                kind: "pipelines", name: "runs and definitions", rows: Int64(records), verified: true,
                how: records == 0
                    ? "no record named them or showed rows of theirs" : "names and samples taken out of these records"),
        ]
    }

    /// Writes a file of lines anew without theirs; how many those were. What cannot be read goes, too.
    private static func filter(_ path: String, _ names: NamedTexts, _ seqs: Set<Int64>) throws(ServerError) -> Int64 {
        guard let bytes = try PrivateFile.read(path) else { return 0 }
        var (kept, gone): ([UInt8], Int64) = ([], 0)
        for line in bytes.split(separator: 0x0a) {
            let text = Array(line)
            if let json = try? JSONValue(text.span), !names.isTheirs(quarantined: json, seqs: seqs) {
                kept += text + [0x0a]
            } else {
                gone += 1
            }
        }
        guard gone > 0 else { return 0 }
        if kept.isEmpty { try PrivateFile.remove(path) } else { try PrivateFile.write(kept, to: path) }
        return gone
    }
}
