internal import Control
internal import Model
internal import Synchronization
internal import Threads

extension PipelineKeeper {
    /// Removes kept files of runs whose time is over, about every minute.
    func pruneFiles(_ now: Timestamp) async throws {
        guard isPruningDue(now) else { return }
        for known in try await tools.control.projects() {
            guard let project = tools.project(known.name) else { continue }
            let folder = project.folder
            // Those of pipelines that were removed, too.
            try await OwnThread.run {
                for pipeline in RunFolder.names(folder) {
                    KeptRunFiles(pipeline: folder + "/" + pipeline).prune(now: now)
                }
            }
        }
    }
}
