import Codecs
import Foundation
import Model

/// The clicks of `Examples/shop.csv.gz`, as rows and as items: every visitor has an identity for each session, tied to the name
/// when the session is over, and properties that are set from row to row.
struct ShopLog {
    struct Event {
        let user: String
        let name: String
        let seq: Int64
        /// Microseconds since 1970.
        let time: Int64
        let platform: String
        let channel: String
    }

    struct Change {
        let user: String
        let seq: Int64
        let time: Int64
        let name: String
        /// A JSON value; nil if the property is taken away.
        let value: String?
    }

    private(set) var events: [String: [Event]] = [:]
    private(set) var changes: [String: [Change]] = [:]
    private(set) var items: [Item] = []
    private(set) var names: [String] = []

    /// - Parameter users: how many visitors.
    init(users: Int) throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Examples/shop.csv.gz")
        var bytes: [UInt8] = []
        let decompressor = try Decompressor(.gzip)
        try decompressor.write([UInt8](try Data(contentsOf: path)).span, to: &bytes)
        try decompressor.finish()
        var sessions: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
            let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            guard cells.count == 8, let time = WrittenTime(cells[3])?.timestamp() else { continue }
            let user = cells[0]
            if events[user] == nil, events.count == users { break }
            let seq = Int64(items.count + 1)
            events[user, default: []].append(
                Event(
                    user: user, name: cells[2], seq: seq, time: time.microseconds, platform: cells[4],
                    channel: cells[5]))
            if !names.contains(cells[2]) { names.append(cells[2]) }
            items.append(
                item(
                    .event, cells[1], name: cells[2], #"{"platform":"\#(cells[4])","channel":"\#(cells[5])"}"#,
                    at: time.microseconds / 1_000_000))
            guard sessions[user] != cells[1] else { continue }
            sessions[user] = cells[1]
            items.append(item(.alias, user, other: cells[1], "", at: time.microseconds / 1_000_000))
            // The platform of the last session, forgotten after a visit from an unusual channel.
            let value = cells[5] == "direct" ? nil : "\"\(cells[4])\""
            changes[user, default: []].append(
                Change(
                    user: user, seq: Int64(items.count + 1), time: time.microseconds, name: "platform", value: value))
            items.append(
                item(.set, user, #"{"platform":\#(value ?? "null")}"#, at: time.microseconds / 1_000_000))
        }
    }

    /// The middle of the log's time.
    var moment: Int64 {
        let times = events.values.joined().map(\.time).sorted()
        return times.isEmpty ? 0 : times[times.count / 2]
    }

    // MARK: Conditions, read from their JSON and asked in plain loops

    func users(_ condition: JSONValue, now: Int64) -> Set<String> {
        Set(events.keys.filter { holds(condition, $0, now) })
    }

    private func holds(_ condition: JSONValue, _ user: String, _ now: Int64) -> Bool {
        if let parts = condition["all"]?.arrayValue { return parts.allSatisfy { holds($0, user, now) } }
        if let parts = condition["any"]?.arrayValue { return parts.contains { holds($0, user, now) } }
        if let part = condition["not"] { return !holds(part, user, now) }
        if condition["person"] != nil { return personHolds(condition, user, now) }
        if let steps = condition["sequence"]?.arrayValue { return isInOrder(condition, steps, user, now) }
        var count: Int64 = 0
        var earliest = Int64.max
        let (from, to) = window(condition, now)
        let name = (condition["did"] ?? condition["did_not"])?.stringValue
        for event in events[user] ?? [] where event.name == name && passes(condition["where"], event) {
            earliest = min(earliest, event.time)
            if event.time >= from, event.time < to { count += 1 }
        }
        if condition["did_not"] != nil { return count == 0 }
        if condition["first_ever"] == true, earliest < from || earliest >= to { return false }
        if let exactly = condition["exactly"]?.intValue { return count == exactly }
        if let most = condition["at_most"]?.intValue { return count <= most }
        return count >= condition["at_least"]?.intValue ?? 1
    }

    private func personHolds(_ condition: JSONValue, _ user: String, _ now: Int64) -> Bool {
        let at = condition["at"]?.stringValue ?? "last"
        var value: String?
        for change in (changes[user] ?? []).sorted(by: { ($0.time, $0.seq) < ($1.time, $1.seq) }) {
            switch at {
            case "first": value = value ?? change.value
            case "ever": if let one = change.value, passes(condition, one) { return true }
            case "last": value = change.value
            default: if change.time <= now - days(at.dropFirst()) { value = change.value }
            }
        }
        return at == "ever" ? false : passes(condition, value)
    }

    private func passes(_ condition: JSONValue, _ value: String?) -> Bool {
        if let wanted = condition["is"]?.stringValue { return value == "\"\(wanted)\"" }
        if let other = condition["is_not"]?.stringValue { return value != "\"\(other)\"" }
        return (value != nil) == (condition["exists"] == true)
    }

    private func passes(_ test: JSONValue?, _ event: Event) -> Bool {
        guard let test else { return true }
        let value = test["property"] == "platform" ? event.platform : event.channel
        return passes(test, "\"\(value)\"")
    }

    /// From each start, the first event that will do for each step.
    private func isInOrder(_ condition: JSONValue, _ steps: [JSONValue], _ user: String, _ now: Int64) -> Bool {
        let (from, to) = window(condition, now)
        let mine = (events[user] ?? []).sorted { ($0.time, $0.seq) < ($1.time, $1.seq) }
            .filter { $0.time >= from && $0.time < to }
        let longest = condition["window"]?.stringValue.map { days($0[...]) } ?? .max
        let names = steps.compactMap { $0["event"]?.stringValue }
        let isDisjoint = Set(names).count == names.count
        for start in mine where start.name == names[0] && passes(steps[0]["where"], start) {
            var last = start
            var reached = 1
            for step in 1..<steps.count {
                let next = mine.first { event in
                    event.name == names[step] && passes(steps[step]["where"], event)
                        && (isDisjoint ? event.time >= last.time : (event.time, event.seq) > (last.time, last.seq))
                }
                guard let next, next.time - start.time <= longest else { break }
                last = next
                reached += 1
            }
            if reached == steps.count { return true }
        }
        return false
    }

    private func window(_ condition: JSONValue, _ now: Int64) -> (from: Int64, to: Int64) {
        switch condition["within"] {
        case .string(let text)?: return (now - days(text[...]), now)
        case let range?:
            let times = ["from", "to"].map { range[$0]?.stringValue.map { now - days($0.dropFirst()) } }
            return (times[0] ?? .min, times[1] ?? .max)
        case nil: return (.min, .max)
        }
    }

    private func days(_ text: Substring) -> Int64 {
        (Int64(text.dropLast()) ?? 0) * (text.last == "d" ? 86_400_000_000 : 3_600_000_000)
    }
}
