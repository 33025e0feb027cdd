internal import Control
internal import Logging

/// One run, and what is written down where it ends with an error of its own.
extension PipelineKeeper {
    func execute(_ record: PipelineRunRecord) async {
        do {
            guard let project = tools.project(record.project) else {
                throw PipelineError(.badDefinition, "the project \(record.project) is not open")
            }
            var run = try PipelineRun(record, project: project, tools: tools)
            try await run.goOn()
        } catch {
            guard !Task.isCancelled else { return }
            let failure = StepFailure(error)
            tools.logger.error(
                "a pipeline's run ended", metadata: ["run": "\(record.id)", "error": "\(failure.reason)"])
            guard !Self.leavesOpen(error) else {
                // It stays as it is, and is taken up again: only its record could not be read or written.
                try? await Task.sleep(for: Self.rest)
                return
            }
            // As it is now: the run has written more than it began with.
            let now = (try? await tools.control.pipelineRun(record.id, project: record.project)) ?? nil
            var failed = now ?? record
            (failed.status, failed.finishedAt, failed.nextAttemptAt) = (.failed, tools.now(), nil)
            failed.reason = failure.reason
            _ = try? await tools.control.updatePipelineRun(failed, at: tools.now())
        }
    }

    /// How long a run rests whose record could not be written.
    private static let rest = Duration.seconds(1)

    /// Whether an error says nothing of the run itself: the control database was busy, say.
    static func leavesOpen(_ error: any Error) -> Bool { (error as? ControlError)?.isTransient ?? false }
}
