internal import Model

/// Walks the members of a JSON object as it is stored: validated when it was collected, and without whitespace. On anything
/// else it stops, without reading outside of the text.
enum ObjectWalker {
    struct Member {
        /// Where the key's text lies, between its quotes.
        var key: Range<Int>
        var isEscaped: Bool
        /// The hash of the key's bytes as they are written.
        var hash: UInt32
        var value: Range<Int>
    }

    /// FNV-1a.
    static func hash(_ name: [UInt8]) -> UInt32 {
        var hash: UInt32 = 2_166_136_261
        for byte in name { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return hash
    }

    /// Calls `body` with each member until it returns false.
    @inline(__always)
    static func walk(_ object: UnsafePointer<UInt8>, _ length: Int, _ body: (Member) -> Bool) {
        var at = 1
        // Every read of `object` is below `length`.
        while at < length, unsafe object[at] == 0x22 {
            let keyStart = at &+ 1
            var hash: UInt32 = 2_166_136_261
            var isEscaped = false
            at = keyStart
            while at < length {
                let byte = unsafe object[at]
                if byte == 0x22 { break }
                if byte == 0x5c {
                    isEscaped = true
                    at &+= 1
                }
                hash = (hash ^ UInt32(byte)) &* 16_777_619
                at &+= 1
            }
            // Past the quote and the colon.
            let valueStart = at &+ 2
            guard valueStart < length else { return }
            let key = keyStart..<at
            at = unsafe skipValue(object, valueStart, length)
            guard valueStart < at, body(Member(key: key, isEscaped: isEscaped, hash: hash, value: valueStart..<at))
            else {
                return
            }
            // Past the comma, to the next key.
            at &+= 1
        }
    }

    /// What a key with escapes says.
    static func unescaped(_ object: UnsafePointer<UInt8>, _ key: Range<Int>) -> [UInt8] {
        let written = unsafe Array(UnsafeBufferPointer(start: object + key.lowerBound, count: key.count))
        var name: [UInt8] = []
        JSONText.appendUnescaped(written.span, escaped: true, to: &name)
        return name
    }

    /// The end of the value that begins at `start`: the comma or brace after it.
    private static func skipValue(_ object: UnsafePointer<UInt8>, _ start: Int, _ length: Int) -> Int {
        var at = start
        var depth = 0
        while at < length {
            switch unsafe object[at] {
            case 0x22:
                at &+= 1
                while at < length {
                    let byte = unsafe object[at]
                    if byte == 0x22 { break }
                    at &+= byte == 0x5c ? 2 : 1
                }
            case 0x7b, 0x5b: depth &+= 1
            case 0x5d: depth &-= 1
            case 0x7d:
                if depth == 0 { return at }
                depth &-= 1
            case 0x2c:
                if depth == 0 { return at }
            default: break
            }
            at &+= 1
        }
        return length
    }
}

/// The names of all keys that it has been shown.
struct NameCollector {
    private var known: [UInt32: [[UInt8]]] = [:]
    private(set) var count = 0

    /// Notes the keys of an object that have a value.
    mutating func read(_ object: UnsafePointer<UInt8>, _ length: Int) {
        unsafe ObjectWalker.walk(object, length) { member in
            // `null` is the only value that begins with n.
            guard unsafe object[member.value.lowerBound] != 0x6e else { return true }
            if member.isEscaped {
                let name = unsafe ObjectWalker.unescaped(object, member.key)
                if !(known[ObjectWalker.hash(name)] ?? []).contains(name) { add(name) }
            } else if unsafe !contains(object + member.key.lowerBound, member.key.count, member.hash) {
                unsafe add(Array(UnsafeBufferPointer(start: object + member.key.lowerBound, count: member.key.count)))
            }
            return true
        }
    }

    private func contains(_ name: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt32) -> Bool {
        guard let candidates = known[hash] else { return false }
        return candidates.contains { candidate in
            guard candidate.count == length else { return false }
            for i in 0..<length where unsafe candidate[i] != name[i] { return false }
            return true
        }
    }

    private mutating func add(_ name: [UInt8]) {
        known[ObjectWalker.hash(name), default: []].append(name)
        count += 1
    }

    /// The names, ordered by their bytes.
    var names: [String] {
        known.values.joined().sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
    }
}
