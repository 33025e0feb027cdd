/// The fields and persons of identities by their numbers, in a file without a name, for stores whose identities would take
/// too much memory.
///
/// Rows of cold files come in the order of their identities, so that a page answers for many of them; the few that are
/// hot come in any order, and a few hundred pages are kept for them.
///
/// Unchecked: whoever makes the table writes it; after that one encoder reads it, one chunk after the other.
final class IdentityPages: @unchecked Sendable {
    /// Numbers of one page.
    private static let span = 256
    /// Before the bytes of a page: where each number's field ends in them, and each number's person.
    private static let head = span * (MemoryLayout<UInt32>.size + MemoryLayout<Int64>.size)
    private static let kept = 512

    private struct Slot {
        var page = -1
        var bytes: [UInt8] = []
    }

    private let file: ScratchFile
    /// Where each page begins; the last is where the file ends.
    private var starts = [0]
    private var slots = Array(repeating: Slot(), count: kept)
    /// The page that is being made.
    private var ends: [UInt32] = []
    private var persons: [Int64] = []
    private var fields: [UInt8] = []
    private var page: [UInt8] = []

    init(in scratch: Scratch) throws(ExportError) { file = try scratch.file("identities") }

    /// Adds an identity; they come in the order of their numbers, and numbers may be left out.
    func add(_ id: Int64, person: Int64, _ field: UnsafeRawBufferPointer) throws(ExportError) {
        try fill(upTo: Int(id))
        unsafe fields.append(contentsOf: field)
        ends.append(UInt32(fields.count))
        persons.append(person)
    }

    /// Writes what is gathered; call it after the last.
    func finish() throws(ExportError) { if !ends.isEmpty { try flush() } }

    /// Numbers that nobody has are their own persons, without a field.
    private func fill(upTo id: Int) throws(ExportError) {
        while true {
            if ends.count == Self.span { try flush() }
            let next = (starts.count - 1) * Self.span + ends.count
            guard next < id else { return }
            ends.append(UInt32(fields.count))
            persons.append(Int64(next))
        }
    }

    private func flush() throws(ExportError) {
        while ends.count < Self.span {
            persons.append(Int64((starts.count - 1) * Self.span + ends.count))
            ends.append(UInt32(fields.count))
        }
        page.removeAll(keepingCapacity: true)
        // Plain numbers, lent for the calls.
        unsafe ends.withUnsafeBytes { unsafe page.append(contentsOf: $0) }
        unsafe persons.withUnsafeBytes { unsafe page.append(contentsOf: $0) }
        page.append(contentsOf: fields)
        let written = unsafe page.withUnsafeBytes { bytes -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try file.append(bytes) }
        }
        try written.get()
        starts.append((starts.last ?? 0) + page.count)
        ends.removeAll(keepingCapacity: true)
        persons.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
    }

    /// Appends the field of an identity to `texts`, and tells its person; a number that nobody has is its own.
    func find(_ id: Int64, _ texts: inout [UInt8]) throws(ExportError) -> Int64 {
        let number = Int(id)
        guard number >= 0, number / Self.span < starts.count - 1 else { return id }
        let (wanted, place) = (number / Self.span, number % Self.span)
        let slot = wanted % Self.kept
        if slots[slot].page != wanted { try load(wanted, slot) }
        // The page is whole: `load` has seen to it.
        return unsafe slots[slot].bytes.withUnsafeBytes { page in
            let end = Int(unsafe page.loadUnaligned(fromByteOffset: place * 4, as: UInt32.self))
            let start = place == 0 ? 0 : Int(unsafe page.loadUnaligned(fromByteOffset: place * 4 - 4, as: UInt32.self))
            unsafe texts.append(contentsOf: page[Self.head + start..<Self.head + end])
            return unsafe page.loadUnaligned(fromByteOffset: Self.span * 4 + place * 8, as: Int64.self)
        }
    }

    private func load(_ page: Int, _ slot: Int) throws(ExportError) {
        let (start, size) = (starts[page], starts[page + 1] - starts[page])
        slots[slot].page = -1
        var bytes: [UInt8] = []
        swap(&bytes, &slots[slot].bytes)
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: repeatElement(0, count: size))
        // Filled whole, or it is an error.
        let read = unsafe bytes.withUnsafeMutableBytes { buffer -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try file.read(buffer, at: start) }
        }
        try read.get()
        slots[slot] = Slot(page: page, bytes: bytes)
    }
}
