/// Who has a lane and who waits for one: first come, first served, and at most `limit` wait.
struct LaneQueue {
    private var free: [Int]
    private var waiting: [UInt64] = []
    private let limit: Int
    private var nextTicket: UInt64 = 1

    init(lanes: Int, waiting limit: Int) {
        free = Array((0..<lanes).reversed())
        self.limit = limit
    }

    enum Entry: Equatable { case lane(Int), wait(UInt64), full }

    var waitingCount: Int { waiting.count }

    mutating func enter() -> Entry {
        if let lane = free.popLast() { return .lane(lane) }
        guard waiting.count < limit else { return .full }
        defer { nextTicket += 1 }
        waiting.append(nextTicket)
        return .wait(nextTicket)
    }

    /// Gives a lane back; the ticket that gets it, if somebody waits.
    mutating func leave(_ lane: Int) -> UInt64? {
        if waiting.isEmpty {
            free.append(lane)
            return nil
        }
        return waiting.removeFirst()
    }

    /// Takes a ticket back; false if it has a lane already.
    mutating func abandon(_ ticket: UInt64) -> Bool {
        guard let index = waiting.firstIndex(of: ticket) else { return false }
        waiting.remove(at: index)
        return true
    }
}
