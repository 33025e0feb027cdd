internal import Connectors
internal import Model

/// Who gets the next place: endpoints in turn, each within its own bounds, all within one. Pure.
struct DispatchState: Sendable {
    var runs: [Int64: EndpointRun] = [:]
    /// Endpoints in the order of their turns.
    private var turns: [Int64] = []
    private var turn = 0
    private(set) var inFlight = 0
    let mostInFlight: Int
    /// What was parked when the server started, by endpoint the first message.
    private var parkedAtStart: [Int64: Int64] = [:]
    /// Where so many bytes wait here already, nobody gets more than the next message.
    static let mostBytes = 64 << 20

    init(mostInFlight: Int = 1_024) { self.mostInFlight = mostInFlight }

    /// Takes over what endpoints there are.
    mutating func update(_ endpoints: [LiveEndpoint], now: Timestamp) {
        let numbers = Set(endpoints.map { $0.record.number })
        for endpoint in endpoints {
            let number = endpoint.record.number
            if runs[number] == nil {
                runs[number] = EndpointRun(endpoint, now: now)
                runs[number]?.parkedFrom = parkedAtStart[number]
            }
            runs[number]?.update(endpoint, now: now)
        }
        // What is under way to one that is gone ends; nothing more of it begins.
        runs = runs.filter { numbers.contains($0.key) || $0.value.inFlight > 0 }
        for number in runs.keys where !numbers.contains(number) { runs[number]?.end() }
        turns = runs.keys.sorted()
        turn = 0
    }

    /// Takes in what was parked when the server started, by endpoint the first message; somebody may have asked what endpoints there are
    /// before that was known.
    mutating func park(_ first: [Int64: Int64]) {
        parkedAtStart = first
        for (number, message) in first {
            guard var run = runs[number] else { continue }
            run.parkedFrom = min(run.parkedFrom ?? message, message)
            run.mayBeDue = true
            runs[number] = run
        }
    }

    /// What to claim.
    mutating func rooms(now: Timestamp) -> [(endpoint: Int64, count: Int, isOrdered: Bool)] {
        var rooms: [(endpoint: Int64, count: Int, isOrdered: Bool)] = []
        let isFull = runs.values.reduce(0) { $0 + $1.waitingBytes } > Self.mostBytes
        for number in turns {
            guard var run = runs[number] else { continue }
            let count = isFull ? min(run.room(now: now), run.waiting > 0 ? 0 : 1) : run.room(now: now)
            // Whoever finds more meanwhile says so again.
            if count > 0 { run.mayBeDue = false }
            runs[number] = run
            if count > 0 { rooms.append((number, count, run.live.record.definition.order == .person)) }
        }
        return rooms
    }

    /// Endpoints for which what is put in is parked.
    func parks(now: Timestamp) -> Set<Int64> { Set(runs.lazy.filter { $0.value.parks(now: now) }.map(\.key)) }

    /// Of endpoints that may have any parked, from which message on.
    func parkedFrom(_ endpoints: some Sequence<Int64>) -> [Int64: Int64] {
        var found: [Int64: Int64] = [:]
        for number in endpoints { found[number] = runs[number]?.parkedFrom }
        return found
    }

    /// Whether any of the endpoints would take something now.
    func takes(_ endpoints: some Sequence<Int64>, now: Timestamp) -> Bool {
        endpoints.contains { runs[$0].map { !$0.isBlocked(now: now) } ?? false }
    }

    /// Something is put in for these endpoints.
    mutating func feeds(_ numbers: some Sequence<Int64>) { for number in numbers { runs[number]?.mayBeDue = true } }

    /// Takes in what was claimed; `asked` are the endpoints that were asked for. What is of none that is known is given back.
    mutating func claimed(_ answer: LedgerAnswer, asked: [Int64]) -> [ClaimedDelivery] {
        feeds(answer.full)
        feeds(answer.fed.subtracting(asked))
        for (endpoint, first) in answer.parked where answer.parkedFrom[endpoint] == nil {
            let known = runs[endpoint]?.parkedFrom
            runs[endpoint]?.parkedFrom = min(known ?? first, first)
            runs[endpoint]?.mayBeDue = true
        }
        for (endpoint, first) in answer.parkedFrom { runs[endpoint]?.parkedFrom = first }
        var strange: [ClaimedDelivery] = []
        for claimed in answer.claimed {
            if runs[claimed.endpoint] == nil { strange.append(claimed) } else { runs[claimed.endpoint]?.add(claimed) }
        }
        return strange
    }

    /// A delivery that was started and not sent after all.
    mutating func takeBack(_ claimed: ClaimedDelivery) {
        inFlight -= 1
        runs[claimed.endpoint]?.takeBack()
    }

    /// Everything that may be sent now, in turns.
    mutating func start(now: Timestamp) -> [ClaimedDelivery] {
        var started: [ClaimedDelivery] = []
        var idle = 0
        while idle < turns.count, inFlight < mostInFlight {
            turn = turn + 1 < turns.count ? turn + 1 : 0
            if runs[turns[turn]].map(mayStart) ?? false, let claimed = runs[turns[turn]]?.start(now: now) {
                started.append(claimed)
                inFlight += 1
                idle = 0
            } else {
                idle += 1
            }
        }
        return started
    }

    /// Whether an endpoint may take one more place. The last quarter of them is for those that answer: whoever hangs, or has many on
    /// their way, leaves room for the others.
    private func mayStart(_ run: EndpointRun) -> Bool {
        inFlight < mostInFlight * 3 / 4 || (!run.isSlow && run.inFlight < max(1, mostInFlight / 256))
    }

    /// What is claimed and will not be sent soon.
    mutating func release(now: Timestamp, all: Bool = false) -> [ClaimedDelivery] {
        var released: [ClaimedDelivery] = []
        for (number, run) in runs where run.waiting > 0 && (all || run.holdsInVain(now: now)) {
            var run = run
            released += run.release()
            run.mayBeDue = true
            runs[number] = run
        }
        return released
    }

    /// The deliveries that are claimed and wait here.
    var waiting: [Int64] { runs.values.flatMap(\.waitingNumbers) }

    /// Forgets claimed deliveries that wait here and are not to be sent any more.
    mutating func discard(_ numbers: Set<Int64>) {
        for number in Array(runs.keys) { runs[number]?.discard(numbers) }
    }

    mutating func came(
        _ claimed: ClaimedDelivery, _ verdict: Verdict, _ result: OutboundResult, now: Timestamp
    ) -> (health: EndpointHealth?, notice: EndpointHealth.Notice?) {
        inFlight -= 1
        guard var run = runs[claimed.endpoint] else { return (nil, nil) }
        let told = run.came(verdict, result, now: now)
        // A person's next message may go now.
        if run.live.record.definition.order == .person { run.mayBeDue = true }
        runs[claimed.endpoint] = run
        return told
    }

    /// Looks at all endpoints again: something may have become due.
    mutating func sweep() { for number in turns { runs[number]?.mayBeDue = true } }
}
