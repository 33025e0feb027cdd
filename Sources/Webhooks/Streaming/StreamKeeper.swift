public import EventStore
public import Journal
public import Logging
internal import Model

/// Keeps a project's streams running: one task for each that is active.
public struct StreamKeeper: Sendable {
    private let project: String
    private let journal: Journal
    private let store: EventStore
    private let sender: Sender
    private let logger: Logger

    public init(project: String, journal: Journal, store: EventStore, sender: Sender, logger: Logger) {
        self.project = project
        self.journal = journal
        self.store = store
        self.sender = sender
        self.logger = logger
    }

    private enum End: Sendable {
        case changed
        case ended(Int64)
    }

    /// Runs until the task is cancelled or the server ends.
    public func run() async {
        guard sender.sends else { return }
        await withTaskGroup(of: End.self) { group in
            var running: Set<Int64> = []
            var (streams, change) = sender.streams(of: project)
            watch(&group, change)
            repeat {
                for stream in streams where running.insert(stream.record.number).inserted { start(&group, stream) }
                guard let end = await group.next(), !Task.isCancelled, !sender.hasEnded else { break }
                switch end {
                case .changed:
                    (streams, change) = sender.streams(of: project)
                    watch(&group, change)
                case .ended(let number):
                    running.remove(number)
                    streams = sender.streams(of: project).endpoints
                }
            } while !Task.isCancelled
            group.cancelAll()
        }
    }

    private func watch(_ group: inout TaskGroup<End>, _ change: Int64) {
        group.addTask { [sender] in
            await sender.waitForChange(since: change)
            return .changed
        }
    }

    private func start(_ group: inout TaskGroup<End>, _ stream: LiveEndpoint) {
        var logger = logger
        logger[metadataKey: "endpoint"] = .string(stream.record.id)
        let run = StreamRun(
            project: project, number: stream.record.number, journal: journal, store: store, sender: sender,
            logger: logger)
        group.addTask {
            await run.run()
            return .ended(run.number)
        }
    }
}
