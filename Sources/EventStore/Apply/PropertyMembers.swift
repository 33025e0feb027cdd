import Model

/// The members of one item's properties object, read without copying values. It is reused from item to item, so that
/// reading allocates nothing once it has grown.
struct PropertyMembers {
    struct Member {
        /// Where the key's text lies in `texts`, its escapes resolved and its case folded where the protocol says so.
        var name: Range<Int>
        /// Where the value's token lies in the object.
        var value: Range<Int>
        /// The place in the object, from 0.
        var place: Int
    }

    /// The members, ordered by their names' bytes, the first of those with one name.
    private(set) var members: [Member] = []
    private(set) var texts: [UInt8] = []
    /// Whether names were changed or members dropped, so that the object must be written anew.
    private(set) var isRewritten = false

    /// Reads an object. With `names`, keys are registered there, and with `folding` mapped onto their first-seen form.
    mutating func read(
        _ object: Span<UInt8>, names: inout NameTable, folding: Bool, seq: Int64
    ) throws(JSONError) {
        members.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        isRewritten = false
        guard object.count > 2 else { return }
        var at = 0
        try JSONScanner.object(object, &at) { (token, at) throws(JSONError) in
            let start = texts.count
            if token.escaped {
                var key: [UInt8] = []
                JSONText.appendUnescaped(token, in: object, to: &key)
                append(name: key.span, names: &names, folding: folding, seq: seq)
            } else {
                append(name: object.extracting(token.range), names: &names, folding: folding, seq: seq)
            }
            let value = try JSONScanner.value(object, &at)
            members.append(Member(name: start..<texts.count, value: value, place: members.count))
        }
        orderByName()
    }

    private mutating func append(name: Span<UInt8>, names: inout NameTable, folding: Bool, seq: Int64) {
        if folding, let form = names.fold(name, .property, seq: seq) {
            let text = names.names[form].text
            if !equalBytes(text.span, name) { isRewritten = true }
            texts.append(contentsOf: text)
        } else {
            if !folding { names.register(name, .property, seq: seq) }
            texts.append(copying: name)
        }
    }

    private mutating func orderByName() {
        guard members.count > 1 else { return }
        let texts = texts
        members.sort { (a, b) in
            let order = Self.compare(texts.span, a.name, b.name)
            return order == 0 ? a.place < b.place : order < 0
        }
        var kept = 1
        for i in 1..<members.count {
            if Self.compare(texts.span, members[i].name, members[kept - 1].name) == 0 { continue }
            members[kept] = members[i]
            kept += 1
        }
        if kept < members.count {
            members.removeLast(members.count - kept)
            isRewritten = true
        }
    }

    private static func compare(_ texts: Span<UInt8>, _ a: Range<Int>, _ b: Range<Int>) -> Int {
        var i = a.lowerBound
        var j = b.lowerBound
        while i < a.upperBound, j < b.upperBound {
            if texts[i] != texts[j] { return Int(texts[i]) - Int(texts[j]) }
            i &+= 1
            j &+= 1
        }
        return a.count - b.count
    }

    /// Appends the object with the names as they are stored, members in the order in which they came.
    func writeObject(from object: Span<UInt8>, to out: inout [UInt8]) {
        out.append(0x7b)
        for (i, member) in members.sorted(by: { $0.place < $1.place }).enumerated() {
            if i > 0 { out.append(0x2c) }
            JSONText.appendString(texts.span.extracting(member.name), to: &out)
            out.append(0x3a)
            out.append(copying: object.extracting(member.value))
        }
        out.append(0x7d)
    }
}
