public import Model

/// What the state machines keep. The outbox has it in its file, in the transaction of the messages; dry runs and tests in memory.
///
/// All is of one project. Rows name an identity and a key: the key is whose it is now, and follows when persons are tied or untied.
public protocol TriggerStorage: AnyObject {
    // Who is who.

    /// Whose an identity is; itself if it is tied to nobody.
    func key(of identity: String) throws -> String
    /// All identities of a key that is tied; empty for one that is not.
    func members(of key: String) throws -> [String]
    /// Moves an identity, and every row of it, to a key.
    func move(_ identity: String, to key: String) throws
    /// Whether a pair is tied; nil if it never was.
    func isTied(_ a: String, _ b: String) throws -> Bool?
    func setTie(_ a: String, _ b: String, _ isTied: Bool) throws
    /// The other sides of an identity's live ties.
    func ties(of identity: String) throws -> [String]

    // Waits.

    func add(_ instance: TriggerInstance) throws
    /// Writes everything but whose it is of one that is there.
    func update(_ instance: TriggerInstance) throws
    /// Those that are armed or held, of a rule (any if nil) and a key.
    func open(rule: Int64?, key: String) throws -> [TriggerInstance]
    /// Those of a rule's version that `at` lies in, armed, held or fired.
    func around(
        rule: Int64, version: Int64, key: String, correlation: String, at: Int64
    ) throws -> [TriggerInstance]
    /// Armed ones that are due and ask nothing, in the order of their times.
    func due(until: Int64, limit: Int) throws -> [TriggerInstance]
    /// Those of some that are armed and due, in the order of their times.
    func due(_ numbers: [Int64], until: Int64) throws -> [TriggerInstance]

    // What happened of late.

    func mark(
        rule: Int64, version: Int64, role: TriggerRules.Role, key: String, correlation: String, identity: String,
        _ mark: TriggerMark
    ) throws
    /// In [from, to], by time, then `seq`.
    func marks(
        rule: Int64, version: Int64, role: TriggerRules.Role, key: String, correlation: String, from: Int64, to: Int64
    ) throws -> [TriggerMark]
    func removeMarks(rule: Int64, version: Int64, role: TriggerRules.Role, key: String, seqs: [Int64]) throws

    // Values.

    /// The latest value of a rule's property.
    func value(rule: Int64, key: String) throws -> (value: JSONValue, mark: TriggerMark)?
    func setValue(rule: Int64, key: String, identity: String, _ value: JSONValue, _ mark: TriggerMark) throws

    // What a watcher saw last.

    func watched(rule: Int64, person: Int64) throws -> WatchRow?
    /// Writes a row, in the place of the one that is there.
    func keepWatched(rule: Int64, _ row: WatchRow) throws
    func forgetWatched(rule: Int64, person: Int64) throws
    /// Forgets all rows of a rule.
    func forgetWatched(rule: Int64) throws
    /// Notes how far a watcher is. What went wrong before is over.
    func setPlace(rule: Int64, _ place: WatchPlace) throws

    // What was written back.

    /// Notes that an item of somebody came of so many triggers in a row. What is less than was noted a moment before is let go.
    func noteDepth(_ depth: Int64, identity: String, key: String, seq: Int64, at: Int64) throws
    /// The most that was noted of somebody since; 0 for nothing.
    func depth(key: String, since: Int64) throws -> Int64

    // What comes of it.

    func lastFiring(rule: Int64, key: String) throws -> Timestamp?
    /// Notes a firing and makes its messages; false if there is one of the same instance and type already.
    func emit(_ firing: TriggerFiring) throws -> Bool
    func count(_ what: TriggerCount, rule: Int64) throws
    /// Notes that a rule whose firings are limited has fired in a minute, counted from 1970.
    func noteFiring(rule: Int64, minute: Int64) throws
    /// How often it did since a minute, up to another.
    func fired(rule: Int64, sinceMinute: Int64, toMinute: Int64) throws -> Int
    /// Holds a rule, and tells whoever wants to know, unless it is held already.
    func hold(_ rule: TriggerRule, reason: String) throws
}
