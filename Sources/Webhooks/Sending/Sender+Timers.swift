internal import Model
internal import Synchronization
internal import Triggers

extension Sender {
    /// Who looks at a project's events, and the change that they are of.
    func listening(of project: String) -> Listening {
        state.withLock { state in
            Listening(
                endpoints: state.live.endpoints.filter {
                    $0.record.project == project && $0.record.definition.listens
                },
                triggers: state.live.triggers[project] ?? ProjectTriggers(), change: state.live.change)
        }
    }

    /// The endpoints of a project that are streams and may be sent to, and the change that they are of.
    func streams(of project: String) -> (endpoints: [LiveEndpoint], change: Int64) {
        state.withLock { state in
            (
                state.live.endpoints.filter {
                    $0.record.project == project && $0.record.definition.mode == .stream && $0.record.state == .active
                }, state.live.change
            )
        }
    }

    /// Returns when a timer of the project is due, of those that ask something or of the others; false if the server ends.
    func waitForTimer(of project: String, asks: Bool = false) async -> Bool {
        while !Task.isCancelled, !hasEnded {
            let raised = timers.value
            let due = state.withLock { state in
                let triggers = state.live.triggers[project]
                return asks ? triggers?.nextAsked : triggers?.nextDue
            }
            let now = timerClock()
            guard let due else {
                await timers.wait(above: raised)
                continue
            }
            guard due > now else { return true }
            // The time of day may be set meanwhile.
            let wait = min(due.microseconds - now.microseconds, 60_000_000)
            await timers.wait(above: raised, atMost: .microseconds(wait))
        }
        return false
    }

    /// The time of day was set.
    public func clockMoved() {
        timers.raise()
        nudge()
    }
}

/// Who looks at a project's events.
struct Listening: Sendable {
    let endpoints: [LiveEndpoint]
    let triggers: ProjectTriggers
    /// The change of endpoints and triggers that they are of; -1 before they were read.
    let change: Int64

    var isEmpty: Bool { endpoints.isEmpty && triggers.rules.isEmpty }
}
