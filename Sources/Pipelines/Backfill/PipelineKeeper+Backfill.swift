public import Control
internal import Logging
public import Model

extension PipelineKeeper {
    /// Goes on with backfills: notes windows that are loaded, and makes the run of the next one.
    ///
    /// - Returns: whether something was made.
    func goOnWithBackfills(_ now: Timestamp) async throws {
        for var backfill in try await tools.control.activeBackfills() {
            // A window may be over, and the next one begins.
            for _ in 0..<2 {
                var run: PipelineRunRecord?
                if let id = backfill.run { run = try await tools.control.pipelineRun(id, project: backfill.project) }
                switch BackfillPlan(backfill).step(run) {
                case .wait: break
                case .begin(let from, let to):
                    let made = try await tools.control.createBackfillRun(backfill, from: from, to: to, at: now)
                    if made == nil,
                        try await tools.control.pipeline(backfill.pipeline, project: backfill.project) == nil
                    {
                        _ = try await tools.control.setBackfill(
                            backfill.id, project: backfill.project, .cancelled, reason: "the pipeline was removed",
                            at: now)
                    }
                case .advance(let next):
                    if let run { try await tools.control.advanceBackfill(backfill, run: run, next: next, at: now) }
                case .stop(let reason):
                    _ = try await tools.control.setBackfill(
                        backfill.id, project: backfill.project, .failed, reason: reason, at: now)
                    tools.logger.warning(
                        "a backfill stopped", metadata: ["backfill": "\(backfill.id)", "reason": "\(reason)"])
                case .pause:
                    _ = try await tools.control.setBackfill(
                        backfill.id, project: backfill.project, .failed, reason: "the run of its window was cancelled",
                        at: now)
                }
                guard let after = try await tools.control.backfill(backfill.id, project: backfill.project),
                    after != backfill, after.status == .running
                else { break }
                backfill = after
            }
        }
    }

    /// Begins a backfill, or goes on with the same one; nil if another one is in the way.
    public func startBackfill(
        project: String, pipeline: String, from: Timestamp, to: Timestamp, step: Int64
    ) async throws(ControlError) -> (backfill: BackfillRecord?, isOther: Bool) {
        let made = try await tools.control.createBackfill(
            project: project, pipeline: pipeline, from: from, to: to, step: step, at: tools.now())
        poke()
        return made
    }

    /// Pauses, goes on with or cancels a backfill. A window that is at work is finished, unless it is cancelled.
    public func setBackfill(
        _ id: String, project: String, _ status: BackfillRecord.Status
    ) async throws(ControlError) -> BackfillRecord? {
        let run = try await tools.control.backfill(id, project: project)?.run
        let now = try await tools.control.setBackfill(id, project: project, status, at: tools.now())
        if status == .cancelled, now?.status == .cancelled, let run { _ = try await cancel(run, project: project) }
        poke()
        return now
    }
}
