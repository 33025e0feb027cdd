import Destinations
import Model
import Testing

@testable import Pipelines

@Suite("How a run goes through its steps")
struct RunMachineTests {
    private static let policy = RetryPolicy(attempts: 3, backoff: .exponential, base: 10)

    private static func at(_ microseconds: Int64) -> Timestamp { Timestamp(microseconds: microseconds) }

    @Test("Steps come in their order, and each is written down")
    func order() {
        var machine = RunMachine(retry: Self.policy)
        var done: [StepName] = []
        while let step = machine.next {
            machine.begin(step, at: Self.at(1))
            machine.succeed(step, at: Self.at(2), rowsIn: 3, rowsOut: 4)
            done.append(step)
        }
        #expect(done == StepName.allCases)
        #expect(RunMachine(json: machine.json, retry: Self.policy) == machine)
    }

    @Test("What passes is tried again with longer pauses, what stays is not")
    func retries() {
        var machine = RunMachine(retry: Self.policy)
        machine.begin(.window, at: Self.at(0))
        #expect(machine.fail(.window, at: Self.at(100), reason: "x", isTransient: true) == .retry(at: Self.at(110)))
        #expect(machine.next == .window)
        machine.begin(.window, at: Self.at(110))
        #expect(machine.fail(.window, at: Self.at(200), reason: "x", isTransient: true) == .retry(at: Self.at(220)))
        machine.begin(.window, at: Self.at(220))
        #expect(machine.fail(.window, at: Self.at(300), reason: "x", isTransient: true) == .fail)
        var other = RunMachine(retry: Self.policy)
        other.begin(.window, at: Self.at(0))
        #expect(other.fail(.window, at: Self.at(100), reason: "x", isTransient: false) == .fail)
    }

    @Test("Pauses do not grow without end", arguments: [1, 2, 10, 60, 1_000])
    func pauses(attempts: Int) {
        let policy = RetryPolicy(attempts: 2_000, base: 30_000_000)
        #expect((policy.pause(after: attempts) ?? 0) <= RetryPolicy.longest)
        #expect((policy.pause(after: attempts) ?? 0) >= 30_000_000)
    }

    @Test(
        "After another start the window stays, and the rest is done again",
        arguments: StepName.allCases)
    func resume(last: StepName) {
        var machine = RunMachine(retry: Self.policy)
        while let step = machine.next {
            machine.begin(step, at: Self.at(1))
            if step == last { break }
            machine.succeed(step, at: Self.at(2))
        }
        machine.resume()
        #expect(machine.next == (last == .window ? .window : .export))
    }

    /// A destination with transactions: loads of rows (from, to], and who made them.
    private struct Model {
        var loads: [(run: Int, from: Int64, to: Int64)] = []

        var position: LoadPosition { loads.isEmpty ? .empty : .upTo(loads.map(\.to).max() ?? 0) }

        /// As the destinations do: nothing twice for one run, nothing that is there already.
        mutating func load(_ run: Int, _ window: Window) -> Bool {
            if loads.contains(where: { $0.run == run }) { return true }
            if let reached = loads.map(\.to).max(), reached > window.from { return false }
            loads.append((run, window.from, window.to))
            return true
        }
    }

    @Test("Windows tile, whatever fails and wherever a run is given up", arguments: 0..<200)
    func tiling(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var (seq, watermark): (Int64, Int64?) = (0, nil)
        var model = Model()
        for run in 0..<40 {
            seq += Int64.random(in: 0...5, using: &random)
            var window = try Window(
                watermark: watermark, position: model.position, pinned: seq, isIncremental: true)
            var isDone = false
            for _ in 0..<3 where !isDone {
                switch Int.random(in: 0..<5, using: &random) {
                case 0: break  // Nothing arrives.
                case 1: _ = model.load(run, window)  // It arrives, and nobody hears of it.
                default:
                    if model.load(run, window) {
                        isDone = true
                    } else {
                        window = try Window(
                            watermark: watermark, position: model.position, pinned: seq, isIncremental: true)
                    }
                }
            }
            if isDone { watermark = window.to }
        }
        let last = try Window(watermark: watermark, position: model.position, pinned: seq, isIncremental: true)
        _ = model.load(1_000, last)
        var end: Int64 = 0
        for load in model.loads {
            #expect(load.from == end)
            end = load.to
        }
        #expect(end == seq)
    }

    @Test("A window begins where the destination says, where it knows more; from the beginning, where it has nothing")
    func windows() throws {
        func window(_ watermark: Int64?, _ position: LoadPosition) throws -> Window {
            try Window(watermark: watermark, position: position, pinned: 100, isIncremental: true)
        }
        #expect(try window(nil, .empty).from == 0)
        #expect(try window(50, .upTo(50)).from == 50)
        #expect(try window(50, .upTo(60)).from == 60)
        #expect(try window(50, .unknown).from == 50)
        #expect(try window(50, .empty).from == 0)
        #expect(try window(50, .empty).note != nil)
        // Files that somebody took away are not sent again.
        #expect(try window(50, .upTo(40)).from == 50)
        #expect(throws: PipelineError.self) { try window(nil, .upTo(101)) }
        #expect(try Window(watermark: 9, position: .upTo(9), pinned: 100, isIncremental: false).from == 0)
    }
}
