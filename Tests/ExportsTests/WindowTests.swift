import EventStore
import Exports
import Logging
import Model
import Testing

@Suite("Windows of seq tile")
struct WindowTests {
    /// Lines of a CSV without its header. No value here has a line's end in it.
    private static func lines(_ text: String) -> [Substring] { Array(text.split(separator: "\r\n").dropFirst()) }

    private static func items(_ round: Int, _ random: inout SeededGenerator) -> [Item] {
        (0..<Int.random(in: 1...40, using: &random)).map { i in
            // Late as often as not: months before what came long ago.
            let second = Int64.random(in: 1_690_000_000..<1_712_000_000, using: &random)
            let who = "u\(Int.random(in: 0..<15, using: &random))"
            switch Int.random(in: 0..<6, using: &random) {
            case 0: return item(.alias, who, other: "u\(Int.random(in: 0..<15, using: &random))", "", at: second)
            case 1: return item(.set, who, #"{"plan":"p\#(i)","n":\#(i)}"#, at: second)
            default: return item(.event, who, name: "E", #"{"n":\#(i)}"#, at: second, id: "r\(round)-\(i)")
            }
        }
    }

    @Test(arguments: 0..<3)
    func whateverFailsInBetween(seed: Int) async throws {
        var settings = StoreSettings()
        settings.hotRows = 30
        settings.monthRows = 10
        settings.partRows = 20
        settings.sortedBytes = 2_000
        try await LiveStore.with(settings: settings) { live in
            var random = SeededGenerator(seed: seed)
            let compactor = Compactor(
                store: live.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let datasets = ["events", "property_changes", "aliases"]
            var gathered: [String: [Substring]] = [:]
            var watermark: Int64 = 0
            for round in 0..<25 {
                let last = try await live.write(Self.items(round, &random))
                if Int.random(in: 0..<3, using: &random) == 0 {
                    try await compactor.compact(isFull: Bool.random(using: &random))
                }
                // A run that failed: its watermark did not move, and the next window is the larger.
                if Int.random(in: 0..<4, using: &random) == 0 { continue }
                let to = Int64.random(in: watermark...last, using: &random)
                for dataset in datasets {
                    let window = try spec(
                        #"{"dataset":"\#(dataset)","seq_from":\#(watermark),"seq_to":\#(to)}"#)
                    let text = try await live.text(window)
                    gathered[dataset, default: []] += Self.lines(text)
                    // The same window again has the same bytes.
                    #expect(try await live.text(window) == text)
                }
                watermark = to
            }
            for dataset in datasets {
                let whole = try await live.text(
                    try spec(#"{"dataset":"\#(dataset)","order":"seq","seq_to":\#(watermark)}"#))
                // Persons are those of the window's time; everything else is the same, once, and in order.
                let seqs = { (lines: [Substring]) in lines.map { $0.prefix { $0 != "," } } }
                #expect(seqs(gathered[dataset] ?? []) == seqs(Self.lines(whole)), "\(dataset)")
            }
        }
    }
}
