import Model

/// The names that were seen, in the form in which they came first.
///
/// KISSmetrics' names are one without regard to case ("Signed Up" = "signed up"), so an input of that protocol is
/// stored under the first form that anybody used. The other protocols' names are exact; they are only registered. The
/// table depends on nothing but the order of the items, so that applying a journal again gives the same names.
struct NameTable: Sendable {
    enum Kind: UInt64, Sendable, CaseIterable {
        case event = 1
        case property = 2

        /// The word in the table `names`.
        var label: String { self == .event ? "event" : "property" }
    }

    struct Name: Sendable, Equatable {
        let kind: Kind
        let text: [UInt8]
        /// The text in lower case.
        let folded: [UInt8]
        let firstSeq: Int64
    }

    /// Names kept of each kind (KISSmetrics' own limit is 65,535). A name beyond it is stored as written and is not
    /// listed; without a bound, a client that puts ids into names would fill the memory.
    static let limit = 65_536

    private(set) var names: [Name] = []
    /// Exact text → number in `names`, plus one.
    private var registered = HashIndex()
    /// Folded text → the first name with it, plus one.
    private var firstForms = HashIndex()
    /// Exact text as KISSmetrics sent it → the name that it maps onto, plus one; only saves folding again.
    private var variants = HashIndex()
    private var counts: [Int]
    /// Names before this number are in the database.
    private var storedCount = 0
    private let limit: Int

    init(limit: Int = NameTable.limit) {
        self.limit = limit
        counts = Array(repeating: 0, count: Kind.allCases.count + 1)
    }

    /// Whether names of a kind are no longer registered.
    func isFull(_ kind: Kind) -> Bool { counts[Int(kind.rawValue)] >= limit }

    /// Takes a name that the database has, in the order in which they were stored.
    mutating func load(_ text: [UInt8], _ kind: Kind, firstSeq: Int64) {
        _ = add(text.span, hash(text.span, kind), kind, firstSeq)
        storedCount = names.count
    }

    /// The names that were added since the last call.
    mutating func takeNew() -> ArraySlice<Name> {
        defer { storedCount = names.count }
        return names[storedCount...]
    }

    /// Notes a name that is stored as written.
    mutating func register(_ text: Span<UInt8>, _ kind: Kind, seq: Int64) {
        let hash = hash(text, kind)
        guard registered.find(hash) == nil else { return }
        _ = add(text, hash, kind, seq)
    }

    /// The number of the first-seen form of a name; nil if the table is full and the name stays as written.
    mutating func fold(_ text: Span<UInt8>, _ kind: Kind, seq: Int64) -> Int? {
        let hash = hash(text, kind)
        if let known = variants.find(hash) { return Int(known - 1) }
        let folded = NameFolding.folded(text)
        let form: Int
        if let first = firstForms.find(self.hash(folded.span, kind)) {
            form = Int(first - 1)
        } else if let added = add(text, hash, kind, seq) {
            form = added
        } else {
            return nil
        }
        if variants.count >= limit * 4 { variants = HashIndex() }
        variants.set(hash, Int64(form + 1))
        return form
    }

    private mutating func add(_ text: Span<UInt8>, _ hash: Hash128, _ kind: Kind, _ seq: Int64) -> Int? {
        guard !isFull(kind) else { return nil }
        let folded = NameFolding.folded(text)
        let number = names.count
        names.append(Name(kind: kind, text: Array(copying: text), folded: folded, firstSeq: seq))
        counts[Int(kind.rawValue)] += 1
        registered.set(hash, Int64(number + 1))
        let foldedHash = self.hash(folded.span, kind)
        if firstForms.find(foldedHash) == nil { firstForms.set(foldedHash, Int64(number + 1)) }
        return number
    }

    private func hash(_ text: Span<UInt8>, _ kind: Kind) -> Hash128 { Hash128(text, seed: kind.rawValue) }
}
