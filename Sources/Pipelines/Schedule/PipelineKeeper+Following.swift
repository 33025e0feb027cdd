internal import Control
internal import Logging
internal import Model

extension PipelineKeeper {
    /// Makes the run of a pipeline that has no schedule of its own when what it comes after is done; or the record of why not.
    func followUpstream(_ pipeline: PipelineRecord, _ definition: PipelineDefinition, _ now: Timestamp) async throws {
        let last = try await tools.control.lastRunAfterOthers(project: pipeline.project, pipeline: pipeline.name)
        if let last, !last.status.isFinal { return }
        var runs: [(name: String, run: PipelineRunRecord?)] = []
        for name in definition.after {
            let above = last?.upstream?[name]?["number"]?.intValue ?? 0
            runs.append(
                (
                    name,
                    try await tools.control.newestRun(
                        project: pipeline.project, pipeline: name, above: above, since: pipeline.createdAt,
                        isFinal: true)
                ))
        }
        let upstream = Upstream(runs)
        switch upstream.decision(waited: nil) {
        case .wait: return
        case .run:
            _ = try await tools.control.createPipelineRun(
                project: pipeline.project, pipeline: pipeline.name, cause: .after, upstream: upstream.json(), at: now)
        case .skip(let reason):
            // What succeeded meanwhile counts when the one that failed is well again.
            let failed = Upstream(
                runs.map { ($0.name, $0.run?.status == .succeeded ? nil : $0.run) })
            _ = try await tools.control.createPipelineRun(
                project: pipeline.project, pipeline: pipeline.name, cause: .after, skipped: reason,
                upstream: failed.json(last?.upstream), at: now)
        }
    }

    /// A run as it may begin, as to what it comes after: what that was is noted in it; nil if it waits, or is skipped.
    func ready(_ run: PipelineRunRecord, _ now: Timestamp) async throws -> PipelineRunRecord? {
        guard run.startedAt == nil, run.cause == .schedule || run.cause == .catchUp, let time = run.scheduledFor,
            let definition = try? PipelineDefinition(json: run.definition, registry: tools.registry),
            !definition.after.isEmpty
        else { return run }
        let day: Int64 = 86_400_000_000
        let before =
            try await tools.control.scheduledBefore(time, project: run.project, pipeline: run.pipeline)
            ?? Timestamp(microseconds: time.microseconds - day)
        var runs: [(name: String, run: PipelineRunRecord?)] = []
        for name in definition.after {
            let newest = try await tools.control.newestRun(project: run.project, pipeline: name)
            // That of a time before says nothing of this one.
            let isOfThis = newest.map { ($0.scheduledFor ?? $0.createdAt) > before } ?? false
            runs.append((name, isOfThis ? newest : nil))
        }
        let upstream = Upstream(runs)
        var changed = run
        changed.upstream = upstream.json()
        switch upstream.decision(waited: now.microseconds - run.createdAt.microseconds) {
        case .wait: return nil
        case .run: return changed
        case .skip(let reason):
            (changed.status, changed.reason, changed.finishedAt) = (.skipped, reason, now)
            try await tools.control.updatePipelineRun(changed, at: now)
            tools.logger.warning(
                "a scheduled run was skipped", metadata: ["run": "\(run.id)", "reason": "\(reason)"])
            return nil
        }
    }

    /// A clock that is put back by more than this had been wrong, in microseconds.
    private static let slack: Int64 = 600_000_000

    /// Up to where scheduled times are seen to. Where the clock had run ahead and was put right, those that it had passed in error come
    /// again.
    func through(_ pipeline: PipelineRecord, _ schedule: Schedule, _ now: Timestamp) async throws -> Timestamp {
        guard pipeline.scheduledThrough.microseconds - now.microseconds > Self.slack else {
            return pipeline.scheduledThrough
        }
        let time = Timestamp(
            microseconds: now.microseconds - schedule.buffer - schedule.delay(of: pipeline.name))
        tools.logger.warning(
            "the clock was put back: scheduled times that it had passed come again",
            metadata: ["pipeline": "\(pipeline.name)", "from": "\(time.text)"])
        try await tools.control.setScheduledThrough(time, project: pipeline.project, pipeline: pipeline.name)
        return time
    }

    /// After a failure it is tried again so much later, in microseconds.
    private static let pause: Int64 = 60_000_000
    /// Of runs that follow what comes so many stay on record.
    private static let kept = 500

    /// Makes the next run of a pipeline that follows what comes, if something came.
    ///
    /// - Returns: up to where it is loaded, and when it is to be looked again; nil while a run is at work.
    func followEvents(
        _ pipeline: PipelineRecord, _ lag: Int64, isOpen: Bool, _ now: Timestamp
    ) async throws -> (seq: Int64, again: Timestamp?)? {
        guard !isOpen, let project = tools.project(pipeline.project) else { return nil }
        let newest = try await tools.control.newestRun(
            project: pipeline.project, pipeline: pipeline.name, isFinal: true)
        if let newest, newest.status != .succeeded, let end = newest.finishedAt {
            let again = Timestamp(microseconds: end.microseconds + Self.pause)
            // A clock that was put back does not keep it from going on.
            if again > now, end <= now { return (Int64.max, again) }
        }
        let good = try await tools.control.lastGoodRun(project: pipeline.project, pipeline: pipeline.name)
        let seq = good?.seqTo ?? 0
        // What comes all the time is gathered, too: between two runs is a while.
        if let good, good.version == pipeline.version, let started = good.startedAt,
            (0..<(lag / 4)).contains(now.microseconds - started.microseconds)
        {
            return (seq, nil)
        }
        // A pipeline that was never run is run once: its table is made.
        guard project.durable() > seq || good == nil || good?.version != pipeline.version else { return (seq, nil) }
        _ = try await tools.control.createPipelineRun(
            project: pipeline.project, pipeline: pipeline.name, cause: .continuous, at: now)
        if let good, good.number % 100 == 0 {
            try await tools.control.pruneContinuousRuns(
                project: pipeline.project, pipeline: pipeline.name, keep: Self.kept)
        }
        return nil
    }
}

/// Pipelines that follow what comes, between one look and the next; a value that needs no database.
struct Followed {
    struct Entry {
        let project: String
        /// Up to where it is loaded.
        let seq: Int64
        /// How long what came first is waited with, so that more comes along; in microseconds.
        let gather: Int64
        /// When it was seen that something is new.
        var since: Timestamp?
    }

    private var entries: [Entry] = []

    mutating func set(_ new: [Entry]) {
        // What was seen waits on.
        entries = new.map { entry in
            var entry = entry
            entry.since = entries.first { $0.project == entry.project && $0.seq == entry.seq }?.since
            return entry
        }
    }

    /// Whether something was new for long enough.
    mutating func isDue(_ now: Timestamp, durable: (String) -> Int64?) -> Bool {
        var isDue = false
        for place in entries.indices {
            guard let end = durable(entries[place].project), end > entries[place].seq else { continue }
            // A clock that was put back begins anew.
            let since = entries[place].since.map { min($0, now) } ?? now
            entries[place].since = since
            if now.microseconds - since.microseconds >= entries[place].gather { isDue = true }
        }
        return isDue
    }
}
