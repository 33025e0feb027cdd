/// What a destination's JSON has a place for. Sluice keeps every JSON text as it came; some engines refuse some of them.
public struct JSONLimits: Sendable, Equatable {
    /// Whether halves of UTF-16 pairs (`\ud800`) may stand alone.
    public var holdsLoneSurrogates: Bool
    /// Whether `\u0000` is a character.
    public var holdsZero: Bool
    /// Digits before a number's point, its exponent counted; nil where any number has a place.
    public var mostWholeDigits: Int?
    /// Digits after it.
    public var mostFractionDigits: Int?
    /// How deep arrays and objects may lie in one another; nil where any depth has a place.
    public var mostDepth: Int?

    /// Files: whatever came.
    public static let files = JSONLimits(holdsLoneSurrogates: true, holdsZero: true)
    /// DuckDB's JSON, and that of validation.
    public static let duckdb = JSONLimits(holdsLoneSurrogates: false, holdsZero: true)
    /// PostgreSQL's `jsonb`: numbers are `numeric`, and nesting takes its stack.
    public static let postgres = JSONLimits(
        holdsLoneSurrogates: false, holdsZero: false, mostWholeDigits: 131_072, mostFractionDigits: 16_383,
        mostDepth: 1_000)

    public init(
        holdsLoneSurrogates: Bool, holdsZero: Bool, mostWholeDigits: Int? = nil, mostFractionDigits: Int? = nil,
        mostDepth: Int? = nil
    ) {
        self.holdsLoneSurrogates = holdsLoneSurrogates
        self.holdsZero = holdsZero
        self.mostWholeDigits = mostWholeDigits
        self.mostFractionDigits = mostFractionDigits
        self.mostDepth = mostDepth
    }
}

/// Writes JSON in the form that a destination holds, so that one odd value does not stop all others.
///
/// What is no character there becomes U+FFFD, a number that is out of range the string of its digits, and what is nested too deeply one
/// string of the whole text. Everything else keeps its bytes.
public struct JSONRepair: Sendable {
    public let limits: JSONLimits

    public init(_ limits: JSONLimits) { self.limits = limits }

    /// The text as the destination holds it; nil if that is how it is.
    ///
    /// - Parameter json: valid JSON. Of anything else the bytes that are understood are looked at.
    public func repaired(_ json: Span<UInt8>) -> [UInt8]? {
        var pass = Pass(limits: limits)
        pass.run(json)
        guard let depth = limits.mostDepth, pass.deepest > depth else { return pass.out }
        guard let out = pass.out else { return Self.string(json) }
        return Self.string(out.span)
    }

    /// A text as a JSON string.
    private static func string(_ text: Span<UInt8>) -> [UInt8] {
        var out: [UInt8] = [0x22]
        out.reserveCapacity(text.count * 2)
        for i in text.indices {
            switch text[i] {
            case 0x22, 0x5c: out += [0x5c, text[i]]
            case 0x0a: out += [0x5c, 0x6e]
            case 0x0d: out += [0x5c, 0x72]
            case 0x09: out += [0x5c, 0x74]
            default: out.append(text[i])
            }
        }
        out.append(0x22)
        return out
    }
}

/// One way through a text. Nothing is copied before the first change.
private struct Pass {
    let limits: JSONLimits
    var out: [UInt8]?
    var deepest = 0
    /// Up to where the text is in `out`.
    private var done = 0

    private static let replacement = Array(#"\ufffd"#.utf8)

    init(limits: JSONLimits) { self.limits = limits }

    mutating func run(_ json: Span<UInt8>) {
        var (at, depth) = (0, 0)
        while at < json.count {
            switch json[at] {
            case 0x22: string(json, &at)
            case 0x5b, 0x7b:
                depth += 1
                deepest = max(deepest, depth)
                at += 1
            case 0x5d, 0x7d:
                depth -= 1
                at += 1
            case 0x2d, 0x30...0x39: number(json, &at)
            default: at += 1
            }
        }
        if out != nil { copy(json, to: json.count) }
    }

    private mutating func string(_ json: Span<UInt8>, _ at: inout Int) {
        at += 1
        while at < json.count, json[at] != 0x22 {
            guard json[at] == 0x5c else {
                at += 1
                continue
            }
            guard let unit = Self.unit(json, at) else {
                at += 2
                continue
            }
            let isPair = unit & 0xfc00 == 0xd800 && (Self.unit(json, at + 6).map { $0 & 0xfc00 == 0xdc00 } ?? false)
            if isPair {
                at += 12
                continue
            }
            let isLost = unit == 0 && !limits.holdsZero || unit & 0xf800 == 0xd800 && !limits.holdsLoneSurrogates
            if isLost { replace(json, at..<(at + 6), by: Self.replacement) }
            at += 6
        }
        at += 1
    }

    /// The unit of UTF-16 that an escape stands for; nil if none is there.
    private static func unit(_ json: Span<UInt8>, _ at: Int) -> Int? {
        guard at + 6 <= json.count, json[at] == 0x5c, json[at + 1] == 0x75 else { return nil }
        var value = 0
        for i in (at + 2)..<(at + 6) {
            let byte = json[i]
            switch byte {
            case 0x30...0x39: value = value << 4 | Int(byte - 0x30)
            case 0x41...0x46: value = value << 4 | Int(byte - 0x37)
            case 0x61...0x66: value = value << 4 | Int(byte - 0x57)
            default: return nil
            }
        }
        return value
    }

    private mutating func number(_ json: Span<UInt8>, _ at: inout Int) {
        let start = at
        var (whole, fraction, exponent) = (0, 0, 0)
        var (isFraction, isExponent, isNegative) = (false, false, false)
        scan: while at < json.count {
            switch json[at] {
            case 0x30...0x39:
                if isExponent {
                    // Far beyond what any engine holds it need not be counted any more.
                    exponent = min(exponent * 10 + Int(json[at] - 0x30), 1 << 40)
                } else if isFraction {
                    fraction += 1
                } else {
                    whole += 1
                }
            case 0x2e: isFraction = true
            case 0x45, 0x65: isExponent = true
            case 0x2d: isNegative = isNegative || isExponent
            case 0x2b: break
            default: break scan
            }
            at += 1
        }
        let shift = isNegative ? -exponent : exponent
        let isTooLarge = limits.mostWholeDigits.map { whole + shift > $0 } ?? false
        let isTooFine = limits.mostFractionDigits.map { fraction - shift > $0 } ?? false
        guard isTooLarge || isTooFine else { return }
        copy(json, to: start)
        out?.append(0x22)
        copy(json, to: at)
        out?.append(0x22)
    }

    private mutating func replace(_ json: Span<UInt8>, _ range: Range<Int>, by bytes: [UInt8]) {
        copy(json, to: range.lowerBound)
        out?.append(contentsOf: bytes)
        done = range.upperBound
    }

    private mutating func copy(_ json: Span<UInt8>, to end: Int) {
        var bytes = out ?? []
        out = nil
        bytes.reserveCapacity(json.count + 64)
        while done < end {
            bytes.append(json[done])
            done += 1
        }
        out = bytes
    }
}
