public import Model

extension ComputedFormula {
    /// The most terms and cases of one formula.
    public static let mostTerms = 20
    public static let mostCases = 20
    /// The greatest weight, either way, with at most four digits after the point: no sum of terms overflows.
    static let greatestWeight = 1_000.0

    /// Reads a formula as the API takes it: `{"terms": {…}, "value": {…}}`. Times in conditions are absolute.
    public init(_ json: JSONValue, path: String = "formula") throws(QueryError) {
        let node = FormulaNode(json, path)
        try node.check(["terms", "value"])
        var terms: [Term] = []
        let members = try node.needed("terms").members()
        guard members.count <= Self.mostTerms else {
            throw node.error("a formula has at most \(Self.mostTerms) terms")
        }
        for (name, term) in members {
            guard ComputedColumn.isName(name) else { throw term.error(ComputedColumn.nameRule) }
            terms.append(try Term(name, term))
        }
        let value = try Value(try node.needed("value"), terms: Set(terms.map(\.name)))
        // In one order of the two, so that the same formula is the same text.
        let whole = JSONValue.object([
            .init("terms", json["terms"] ?? .null), .init("value", json["value"] ?? .null),
        ])
        let bytes = Array(whole.text.utf8)
        let hash = Hash128(bytes.span)
        self.init(terms: terms, value: value, json: whole, fingerprint: "\(hash.high)/\(hash.low)")
    }
}

extension ComputedFormula.Term {
    private static let fields = ["measure", "event", "property", "where", "within", "half_life"]
    /// The longest time that a term looks back, in days.
    private static let longest: Int64 = 36_600

    init(_ name: String, _ node: FormulaNode) throws(QueryError) {
        try node.check(Self.fields)
        let measure: Measure = try node.needed("measure").choice()
        let properties = try node["property"].map { node throws(QueryError) in try node.texts() } ?? []
        guard properties.isEmpty == (measure != .sum) else {
            throw node.error(measure == .sum ? "\"property\" says what is added" : "only a \"sum\" has a \"property\"")
        }
        let within = try node["within"].map { node throws(QueryError) in try node.days(atMost: Self.longest) }
        let halfLife = try node["half_life"].map { node throws(QueryError) in try node.days(atMost: Self.longest) }
        guard halfLife == nil || measure == .count || measure == .sum else {
            throw node.error("\"half_life\" goes with \"count\" and \"sum\"")
        }
        guard within == nil || !measure.isDistance else {
            throw node.error("\"within\" does not go with \"\(measure.rawValue)\"; compare the term instead")
        }
        self.init(
            name: name, measure: measure, events: try node["event"].map { node throws(QueryError) in try node.texts() },
            properties: properties,
            test: try node["where"].map { node throws(QueryError) in try node.eventCondition() }, within: within,
            halfLife: halfLife)
    }
}

extension ComputedFormula.Value {
    init(_ node: FormulaNode, terms: Set<String>) throws(QueryError) {
        if node["term"] != nil {
            try node.check(["term"])
            self = .term(try node.needed("term").term(of: terms))
        } else if let weights = node["weights"] {
            try node.check(["weights", "min", "max", "round"])
            self = .weights(try .init(weights, node, terms))
        } else if let cases = node["cases"] {
            try node.check(["cases", "else"])
            let all = try cases.elements()
            guard (1...ComputedFormula.mostCases).contains(all.count) else {
                throw cases.error("1 to \(ComputedFormula.mostCases) cases should be here")
            }
            var read: [ComputedFormula.Case] = []
            for one in all { read.append(try .init(one, terms)) }
            self = .cases(
                read, otherwise: try node["else"].map { node throws(QueryError) in try node.result() } ?? .null)
        } else {
            throw node.error("a value is {\"term\": …}, {\"weights\": …} or {\"cases\": …}")
        }
    }
}

extension ComputedFormula.Weights {
    fileprivate init(_ weights: FormulaNode, _ node: FormulaNode, _ terms: Set<String>) throws(QueryError) {
        var read: [(term: String, weight: String)] = []
        for (name, weight) in try weights.members() {
            guard terms.contains(name) else { throw weight.error("there is no term \"\(name)\"") }
            let text = try weight.number()
            let fraction = text.split(separator: ".", omittingEmptySubsequences: false).dropFirst().first ?? ""
            guard abs(Double(text) ?? .infinity) <= ComputedFormula.greatestWeight, fraction.count <= 4,
                !text.contains(where: { "eE".contains($0) })
            else {
                throw weight.error("a weight lies between -1000 and 1000 and has at most four digits after the point")
            }
            read.append((name, text))
        }
        guard !read.isEmpty else { throw weights.error("at least one term with its weight should be here") }
        var digits: Int64?
        if let round = node["round"] {
            guard let count = round.json.intValue, (0...9).contains(count) else {
                throw round.error("a number of digits from 0 to 9 should be here")
            }
            digits = count
        }
        self.init(
            terms: read, min: try node["min"].map { node throws(QueryError) in try node.number() },
            max: try node["max"].map { node throws(QueryError) in try node.number() }, digits: digits)
    }
}

extension ComputedFormula.Case {
    fileprivate init(_ node: FormulaNode, _ terms: Set<String>) throws(QueryError) {
        try node.check(["when", "is"])
        let when = try node.needed("when")
        let tests = when.json.arrayValue == nil ? [when] : try when.elements()
        guard (1...ComputedFormula.mostCases).contains(tests.count) else {
            throw when.error("1 to \(ComputedFormula.mostCases) tests should be here")
        }
        var read: [ComputedFormula.Test] = []
        for test in tests { read.append(try .init(test, terms)) }
        self.init(tests: read, value: try node.needed("is").result())
    }
}

extension ComputedFormula.Test {
    fileprivate init(_ node: FormulaNode, _ terms: Set<String>) throws(QueryError) {
        let known = Operator.allCases.map(\.rawValue)
        try node.check(["term"] + known)
        let asked = try node.members().filter { $0.name != "term" }
        guard let (name, operand) = asked.first, asked.count == 1, let isAsked = Operator(rawValue: name) else {
            throw node.error("one of \(known.joined(separator: ", ")) should be here")
        }
        if isAsked == .exists {
            guard operand.json.boolValue != nil else { throw operand.error("true or false should be here") }
        } else {
            _ = try operand.number()
        }
        self.init(term: try node.needed("term").term(of: terms), isAsked: isAsked, operand: operand.json)
    }
}
