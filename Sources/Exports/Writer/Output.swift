internal import Glibc

/// A growing buffer that rows are written into without a check for every byte: whoever writes reserves first.
@safe struct Output: ~Copyable {
    // Owned; freed in `deinit`. Bytes up to `count` are written.
    private(set) var base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    private(set) var capacity: Int

    init(capacity: Int) {
        unsafe base = UnsafeMutablePointer.allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { unsafe base.deallocate() }

    /// What is written so far; valid until the next change.
    var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    mutating func removeAll() { count = 0 }

    /// Takes the last bytes away again.
    mutating func cut(to count: Int) {
        precondition(count <= self.count)
        self.count = count
    }

    /// Makes room for `more` bytes.
    @inline(__always)
    mutating func reserve(_ more: Int) {
        if capacity &- count < more { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let wanted = max(capacity * 2, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        unsafe larger.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = unsafe larger
        capacity = wanted
    }

    /// The place of the next byte; `reserve` has made room there.
    @inline(__always)
    var end: UnsafeMutablePointer<UInt8> { unsafe base + count }

    @inline(__always)
    mutating func advance(_ written: Int) { count &+= written }

    /// Appends a byte for which room is reserved.
    @inline(__always)
    mutating func put(_ byte: UInt8) {
        unsafe base[count] = byte
        count &+= 1
    }

    /// Appends bytes for which room is reserved. Short texts are most, and a call for each would cost more than the copy.
    @inline(__always)
    mutating func put(_ source: UnsafePointer<UInt8>, _ length: Int) {
        let from = unsafe UnsafeRawPointer(source)
        let to = unsafe UnsafeMutableRawPointer(end)
        // Every word lies within `length`; the last one may overlap the one before.
        switch length {
        case 16...64:
            var at = 0
            while at < length &- 16 {
                unsafe (to + at).copyMemory(from: from + at, byteCount: 16)
                at &+= 16
            }
            unsafe (to + (length &- 16)).copyMemory(from: from + (length &- 16), byteCount: 16)
        case 8..<16:
            unsafe to.copyMemory(from: from, byteCount: 8)
            unsafe (to + (length &- 8)).copyMemory(from: from + (length &- 8), byteCount: 8)
        case 4..<8:
            unsafe to.copyMemory(from: from, byteCount: 4)
            unsafe (to + (length &- 4)).copyMemory(from: from + (length &- 4), byteCount: 4)
        case 0..<4:
            for i in 0..<length { unsafe base[count &+ i] = source[i] }
        default: unsafe to.copyMemory(from: from, byteCount: length)
        }
        count &+= length
    }

    /// Appends bytes.
    mutating func append(_ bytes: [UInt8]) {
        reserve(bytes.count)
        // Lent for the call.
        unsafe bytes.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { unsafe put(start, source.count) }
        }
    }
}
