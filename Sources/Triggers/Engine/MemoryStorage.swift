public import Model

/// The storage of dry runs and of tests: as the outbox keeps it, in memory.
public final class MemoryStorage: TriggerStorage {
    private struct Row<Content> {
        let rule: Int64
        let version: Int64
        let role: TriggerRules.Role
        var key: ExactText
        let correlation: String
        let identity: ExactText
        let mark: TriggerMark
        let content: Content
    }

    private struct Pair: Hashable {
        let a: ExactText
        let b: ExactText

        init(_ a: String, _ b: String) {
            let isFirst = a.utf8.lexicographicallyPrecedes(b.utf8)
            (self.a, self.b) = (ExactText(isFirst ? a : b), ExactText(isFirst ? b : a))
        }
    }

    private var keys: [ExactText: ExactText] = [:]
    private var pairs: [Pair: Bool] = [:]
    private var rows: [Row<Void>] = []
    private var values: [Row<JSONValue>] = []
    public private(set) var instances: [TriggerInstance] = []
    public private(set) var firings: [TriggerFiring] = []
    public private(set) var counts: [TriggerCount: Int] = [:]
    private var firingKeys: [ExactText] = []
    private var watched: [Int64: [Int64: WatchRow]] = [:]
    public private(set) var places: [Int64: WatchPlace] = [:]
    private var minutes: [Int64: [Int64]] = [:]
    /// Rules that were held, by their numbers, with the reasons.
    public private(set) var held: [Int64: String] = [:]
    private var depths: [ExactText: (key: ExactText, depth: Int64, at: Int64)] = [:]

    public init() {}

    public func key(of identity: String) -> String { keys[ExactText(identity)]?.text ?? identity }

    public func members(of key: String) -> [String] {
        keys.filter { $0.value == ExactText(key) }.map(\.key.text).sorted()
    }

    public func move(_ identity: String, to key: String) {
        let (who, key) = (ExactText(identity), ExactText(key))
        keys[who] = key
        depths[who]?.key = key
        for place in rows.indices where rows[place].identity == who { rows[place].key = key }
        for place in values.indices where values[place].identity == who { values[place].key = key }
        for place in instances.indices where ExactText(instances[place].identity) == who {
            instances[place].key = key.text
        }
        for place in firings.indices where firings[place].identity.map({ ExactText($0) == who }) ?? false {
            firingKeys[place] = key
        }
    }

    public func isTied(_ a: String, _ b: String) -> Bool? { pairs[Pair(a, b)] }
    public func setTie(_ a: String, _ b: String, _ isTied: Bool) { pairs[Pair(a, b)] = isTied }

    public func ties(of identity: String) -> [String] {
        let who = ExactText(identity)
        return pairs.filter { $0.value && ($0.key.a == who || $0.key.b == who) }
            .map { $0.key.a == who ? $0.key.b.text : $0.key.a.text }
    }

    public func add(_ instance: TriggerInstance) {
        var instance = instance
        instance.number = Int64(instances.count)
        instances.append(instance)
    }

    public func update(_ instance: TriggerInstance) { instances[Int(instance.number)] = instance }

    public func open(rule: Int64?, key: String) -> [TriggerInstance] {
        instances.filter {
            $0.rule == rule ?? $0.rule && ExactText($0.key) == ExactText(key) && [.armed, .held].contains($0.state)
        }
    }

    public func around(
        rule: Int64, version: Int64, key: String, correlation: String, at: Int64
    ) -> [TriggerInstance] {
        instances.filter {
            $0.rule == rule && $0.version == version && ExactText($0.key) == ExactText(key)
                && $0.correlation == correlation && $0.at <= at && at < $0.deadline
                && [.armed, .held, .fired].contains($0.state)
        }
    }

    public func due(until: Int64, limit: Int) -> [TriggerInstance] {
        let due = instances.filter { $0.state == .armed && !$0.asks && $0.fireAt <= until }
        return Array(due.sorted { ($0.fireAt, $0.number) < ($1.fireAt, $1.number) }.prefix(limit))
    }

    public func due(_ numbers: [Int64], until: Int64) -> [TriggerInstance] {
        let wanted = Set(numbers)
        let due = instances.filter { $0.state == .armed && $0.fireAt <= until && wanted.contains($0.number) }
        return due.sorted { ($0.fireAt, $0.number) < ($1.fireAt, $1.number) }
    }

    public func mark(
        rule: Int64, version: Int64, role: TriggerRules.Role, key: String, correlation: String, identity: String,
        _ mark: TriggerMark
    ) {
        rows.append(
            Row(
                rule: rule, version: version, role: role, key: ExactText(key), correlation: correlation,
                identity: ExactText(identity), mark: mark, content: ()))
    }

    public func marks(
        rule: Int64, version: Int64, role: TriggerRules.Role, key: String, correlation: String, from: Int64, to: Int64
    ) -> [TriggerMark] {
        rows.filter {
            $0.rule == rule && $0.version == version && $0.role == role && $0.key == ExactText(key)
                && $0.correlation == correlation && $0.mark.at >= from && $0.mark.at <= to
        }.map(\.mark).sorted { ($0.at, $0.seq) < ($1.at, $1.seq) }
    }

    public func removeMarks(rule: Int64, version: Int64, role: TriggerRules.Role, key: String, seqs: [Int64]) {
        let gone = Set(seqs)
        rows.removeAll {
            $0.rule == rule && $0.version == version && $0.role == role && $0.key == ExactText(key)
                && gone.contains($0.mark.seq)
        }
    }

    public func value(rule: Int64, key: String) -> (value: JSONValue, mark: TriggerMark)? {
        values.filter { $0.rule == rule && $0.key == ExactText(key) }
            .max { ($0.mark.at, $0.mark.seq) < ($1.mark.at, $1.mark.seq) }
            .map { ($0.content, $0.mark) }
    }

    public func setValue(rule: Int64, key: String, identity: String, _ value: JSONValue, _ mark: TriggerMark) {
        values.removeAll { $0.rule == rule && $0.identity == ExactText(identity) }
        values.append(
            Row(
                rule: rule, version: 0, role: .sets, key: ExactText(key), correlation: "",
                identity: ExactText(identity), mark: mark, content: value))
    }

    public func watched(rule: Int64, person: Int64) -> WatchRow? { watched[rule]?[person] }
    public func keepWatched(rule: Int64, _ row: WatchRow) { watched[rule, default: [:]][row.person] = row }
    public func forgetWatched(rule: Int64, person: Int64) { watched[rule]?[person] = nil }
    public func forgetWatched(rule: Int64) { watched[rule] = nil }
    public func setPlace(rule: Int64, _ place: WatchPlace) { places[rule] = place }

    public func noteDepth(_ depth: Int64, identity: String, key: String, seq: Int64, at: Int64) {
        if let known = depths[ExactText(identity)], depth < known.depth, known.at >= at - TriggerEngine.depthSpan {
            return
        }
        depths[ExactText(identity)] = (ExactText(key), depth, at)
    }

    public func depth(key: String, since: Int64) -> Int64 {
        depths.values.filter { $0.key == ExactText(key) && $0.at >= since }.map(\.depth).max() ?? 0
    }

    public func lastFiring(rule: Int64, key: String) -> Timestamp? {
        zip(firings, firingKeys).filter {
            $0.0.rule == rule && $0.1 == ExactText(key) && !TriggerFiring.followUps.contains($0.0.type)
        }
        .map(\.0.firedAt).max()
    }

    public func emit(_ firing: TriggerFiring) -> Bool {
        guard !firings.contains(where: { $0.instance == firing.instance && $0.type == firing.type }) else {
            return false
        }
        firings.append(firing)
        firingKeys.append(ExactText(firing.key))
        return true
    }

    public func noteFiring(rule: Int64, minute: Int64) { minutes[rule, default: []].append(minute) }

    public func fired(rule: Int64, sinceMinute: Int64, toMinute: Int64) -> Int {
        minutes[rule]?.reduce(0) { $1 >= sinceMinute && $1 <= toMinute ? $0 + 1 : $0 } ?? 0
    }

    public func hold(_ rule: TriggerRule, reason: String) { held[rule.number] = reason }

    public func count(_ what: TriggerCount, rule: Int64) { counts[what, default: 0] += 1 }

    /// When the next timer that asks nothing is due; nil if none waits.
    public var nextDue: Timestamp? {
        instances.lazy.filter { $0.state == .armed && !$0.asks }.map(\.fireAt).min().map { Timestamp(microseconds: $0) }
    }
}
