internal import Control
internal import Destinations
internal import Logging
internal import Model
internal import Threads

/// The file's way to its destination, and what is made of it there.
extension PipelineRun {
    mutating func load() async throws {
        let batch = try requireBatch()
        guard !hasNothingToLoad else {
            receipt = LoadReceipt(rows: 0)
            record.rows = 0
            machine.succeed(.load, at: tools.now(), rowsIn: 0, rowsOut: 0, note: "nothing came since the last run")
            return
        }
        let destination = try await connect()
        try await noteTarget(destination)
        let receipt: LoadReceipt
        if let early = try await finishEarly() { receipt = early } else { receipt = try await destination.load(batch) }
        if let reached = receipt.reached {
            // A load of before arrived after all: the window begins after it.
            machine.startOver()
            tools.logger.notice(
                "a window was loaded already in part", metadata: ["run": "\(record.id)", "reached": "\(reached)"])
            return
        }
        self.receipt = receipt
        record.rows = receipt.rows
        let notes = (receipt.wasThere ? ["it had been loaded before"] : []) + receipt.changes
        machine.succeed(
            .load, at: tools.now(), rowsIn: batch.rows, rowsOut: receipt.rows,
            note: notes.isEmpty ? nil : notes.joined(separator: "; "))
    }

    /// Before anything is sent, so that no place is ever forgotten where somebody may have to be.
    func noteTarget(_ destination: any Destination) async throws {
        guard let settings else { return }
        try await tools.control.notePipelineTarget(
            PipelineTarget(
                pipeline: record.pipeline, target: destination.location, settings: settings.settings,
                isTrusted: settings.isTrusted, columns: telling), project: record.project, at: tools.now())
    }

    mutating func verify() async throws {
        let batch = try requireBatch()
        guard let receipt else { throw PipelineError(.destination, "nothing was loaded", isTransient: true) }
        if hasNothingToLoad { return machine.succeed(.verify, at: tools.now(), rowsIn: 0, rowsOut: 0) }
        let found = try await connect().verify(batch, receipt)
        let check = Check(
            rule: "reconciliation", outcome: found.holds ? .passed : .failed,
            message: "\(found.what): \(found.found), and should be \(found.expected)")
        guard found.holds else { throw ValidationStop(checks: [check]) }
        try await keepFile(batch)
        machine.succeed(.verify, at: tools.now(), rowsIn: receipt.rows, rowsOut: receipt.rows, checks: [check])
    }

    /// Puts the file that was loaded where it is kept, if it is to be.
    private func keepFile(_ batch: LoadBatch) async throws {
        guard let time = definition.retention.time else { return }
        let kept = KeptRunFiles(pipeline: "\(project.folder)/\(record.pipeline)")
        let until = Timestamp(microseconds: tools.now().microseconds + time)
        // Only rows that come by their numbers are told by them: others may have anybody in them.
        let isTold = batch.isIncremental && batch.seqColumn != nil && definition.transform.isEmpty
        let from = isTold ? batch.seqFrom : 0
        let (run, recipients) = (record.id, definition.retention.recipients)
        try await OwnThread.run {
            try kept.keep(
                batch.file, suffix: batch.suffix, of: run, window: (from, batch.seqTo), until: until, for: recipients)
        }
    }

    mutating func build() async throws {
        guard let plan = definition.dbt else { return machine.succeed(.dbt, at: tools.now()) }
        let step = DbtStep(
            plan: plan, tools: tools, isTrusted: record.isTrusted, base: project.folder, folder: folder + "/dbt")
        let found = try await step.run()
        machine.succeed(.dbt, at: tools.now(), checks: found.checks, note: found.note)
    }

    func requireBatch() throws(PipelineError) -> LoadBatch {
        guard let batch else { throw PipelineError(.export, "the run's file is not there", isTransient: true) }
        return batch
    }
}
