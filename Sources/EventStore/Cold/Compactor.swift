internal import DuckDB
public import Logging
internal import Model

/// Turns hot tables into cold files and many cold files into few, beside everything else.
///
/// Each step makes whole files under temporary names, gives them their names, and then changes the catalogue in one
/// transaction of the hot file: a crash before it leaves files that nobody names, which the next start removes, and one
/// after it leaves old ones, which the next start removes, too.
public struct Compactor: Sendable {
    private let store: EventStore
    private let logger: Logger

    public init(store: EventStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Works until the task is cancelled.
    public func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await work() }
            group.addTask { await watchForIdleness() }
            group.addTask { await indexPersons() }
            await group.next()
            group.cancelAll()
        }
    }

    private func work() async {
        let state = store.compaction
        var pause = Duration.milliseconds(500)
        state.wake()
        for await _ in state.wakes {
            state.begin()
            do {
                try await catchUp()
                state.pause()
                pause = .milliseconds(500)
            } catch {
                let error = StoreError(error)
                state.pause(error)
                if Task.isCancelled || error.code == .closed { return }
                if let pending = state.pending { state.finish(pending, error) }
                logger.error(
                    "A compaction failed and is tried again.",
                    metadata: ["reason": "\(error.message)", "pause": "\(pause)"])
                guard (try? await Task.sleep(for: pause)) != nil else { return }
                pause = min(pause * 2, .seconds(60))
                state.wake()
            }
        }
    }

    /// Does everything that is to be done.
    private func catchUp() async throws {
        while !Task.isCancelled {
            let full = store.compaction.pending
            try await compact(full != nil ? .full : store.compaction.takeIdle() ? .idle : .usual)
            guard let full else { return }
            store.compaction.finish(full)
        }
    }

    /// Wakes the compactor for what can wait, when nothing came in for a while.
    private func watchForIdleness() async {
        if store.settings.isBrief { return await Self.untilCancelled() }
        var last: (seq: Int64, version: Int64)?
        while (try? await Task.sleep(for: store.settings.idleness)) != nil {
            let layout = store.layouts.current
            let now = (store.appliedSeq, layout.version)
            if let last, last == now, layout.generations.count == 1, CompactionPlan.next(layout.files, .idle) != nil {
                store.compaction.wakeIdle()
            }
            last = now
        }
    }

    private static func untilCancelled() async {
        while (try? await Task.sleep(for: .seconds(3_600))) != nil {}
    }

    /// Makes the index of persons when look-ups come that it could have answered.
    private func indexPersons() async {
        for await _ in store.lookups.wants {
            do { try await store.indexPersons() } catch {
                let error = StoreError(error)
                if error.code == .closed { return }
                // Look-ups ask the engine, and ask for the index again.
                logger.debug("The index of persons was not made.", metadata: ["reason": "\(error.message)"])
            }
            guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
        }
    }

    /// Makes what is hot cold and merges what is to be merged, then returns. Only one at a time may do this.
    ///
    /// - Parameter isFull: also what is written to now, and until each month has one run of files.
    public func compact(isFull: Bool) async throws { try await compact(isFull ? .full : .usual) }

    func compact(_ effort: CompactionPlan.Effort) async throws {
        if effort == .full { try await store.seal() }
        try await removeFree()
        while try await step(effort) { try await removeFree() }
    }

    /// One flush or one merge; false if there is nothing to do. Begins again when it had to make way for a removal.
    private func step(_ effort: CompactionPlan.Effort) async throws -> Bool {
        try await store.gate.enter(.merge)
        defer { store.gate.leave(.merge) }
        do { return try await takeStep(effort) } catch let error as StoreError where error.code == .interrupted {
            return true
        }
    }

    private func takeStep(_ effort: CompactionPlan.Effort) async throws -> Bool {
        let layout = store.layouts.current
        let isCrowded = CompactionPlan.isCrowded(layout.files)
        if !isCrowded, layout.generations.count > 1, let oldest = layout.generations.first {
            let made = try await store.compacting { merge in try merge.flush(generation: oldest) }
            try await Self.keeping(made, store) { try await store.exchange(generation: oldest, for: made) }
            log("A generation became cold.", [], made)
            return true
        }
        guard let plan = CompactionPlan.next(layout.files, effort) else { return false }
        let made = try await store.compacting { merge in try merge.merge(plan.runs) }
        try await Self.keeping(made, store) { try await store.exchange(plan.inputs, for: made) }
        log("Cold files were merged.", plan.inputs, made)
        return true
    }

    /// Runs the switch to new files; where it fails, they go again: those that the catalogue does not name, since a commit
    /// can be durable although it told of an error. Where it cannot be read, the next start sees to them.
    ///
    /// Not in this task, whose cancellation would leave files behind that are whole and that nobody names.
    static func keeping(
        _ made: [ColdFile], _ store: EventStore, _ exchange: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await Task {
            do { try await exchange() } catch {
                if let named = try? await store.namedFiles() {
                    for file in made where !named.contains(file.id) { try? await store.remove(.file(file)) }
                }
                throw error
            }
        }.value
    }

    private func log(_ message: Logger.Message, _ inputs: [ColdFile], _ made: [ColdFile]) {
        let rows = made.reduce(0) { $0 + $1.contents.rows }
        logger.debug(
            message, metadata: ["inputs": "\(inputs.count)", "files": "\(made.count)", "rows": "\(rows)"])
    }

    /// Removes what nobody reads any more. Like a step: a removal of rows does this itself meanwhile, and closes the file.
    private func removeFree() async throws {
        try await store.gate.enter(.merge)
        defer { store.gate.leave(.merge) }
        for retired in store.layouts.takeFree() {
            // What cannot be removed now is removed at the next start.
            do { try await store.remove(retired) } catch {
                logger.warning(
                    "Something old was not removed yet.", metadata: ["reason": "\(StoreError(error).message)"])
            }
        }
    }
}
