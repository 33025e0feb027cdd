internal import Model

/// Finds the wanted properties of an object in one pass, however many they are.
///
/// It reads objects that were validated when they were collected; on anything else it stops without reading outside of it. What
/// it finds is what the store's `property_token` finds: the first value of a key, and none where that is `null`.
@safe struct PropertyPicker {
    /// Where the value of each wanted name lies; an empty range where there is none.
    private(set) var found: [Range<Int>]
    private let names: [[UInt8]]
    /// Open addressing from a name's hash to its index; -1 is a free slot.
    private let slots: [Int32]
    private var seen: [Bool]

    init(_ names: [String]) {
        self.names = names.map { Array($0.utf8) }
        var size = 8
        while size < names.count * 2 { size *= 2 }
        var slots = [Int32](repeating: -1, count: size)
        for (i, name) in self.names.enumerated() {
            var at = Int(truncatingIfNeeded: ObjectWalker.hash(name)) & (size - 1)
            while slots[at] >= 0 { at = (at + 1) & (size - 1) }
            slots[at] = Int32(i)
        }
        self.slots = slots
        found = Array(repeating: 0..<0, count: names.count)
        seen = Array(repeating: false, count: names.count)
    }

    /// Finds nothing, as in an empty object.
    mutating func clear() {
        for i in found.indices {
            found[i] = 0..<0
            seen[i] = false
        }
    }

    /// Reads one object.
    mutating func read(_ object: UnsafePointer<UInt8>, _ length: Int) {
        clear()
        var left = names.count
        unsafe ObjectWalker.walk(object, length) { member in
            let index =
                member.isEscaped
                ? unsafe indexOfEscaped(object, member.key)
                : unsafe index(object + member.key.lowerBound, member.key.count, member.hash)
            if let index, !seen[index] {
                seen[index] = true
                left &-= 1
                // `null` is the only value that begins with n.
                if unsafe object[member.value.lowerBound] != 0x6e { found[index] = member.value }
            }
            return left > 0
        }
    }

    private func index(_ name: UnsafePointer<UInt8>, _ length: Int, _ hash: UInt32) -> Int? {
        var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[at] >= 0 {
            let index = Int(slots[at])
            if names[index].count == length {
                var i = 0
                while i < length, unsafe name[i] == names[index][i] { i &+= 1 }
                if i == length { return index }
            }
            at = (at + 1) & (slots.count - 1)
        }
        return nil
    }

    private func indexOfEscaped(_ object: UnsafePointer<UInt8>, _ key: Range<Int>) -> Int? {
        let name = unsafe ObjectWalker.unescaped(object, key)
        return unsafe name.withUnsafeBufferPointer { bytes in
            // Lent for the call; a name of no bytes is looked up by its length alone.
            unsafe index(bytes.baseAddress ?? object, bytes.count, ObjectWalker.hash(name))
        }
    }
}
