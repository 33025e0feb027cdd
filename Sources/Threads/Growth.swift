internal import Synchronization

/// How far something is that one thread makes and another one reads meanwhile.
public final class Growth: Sendable {
    private let state = Mutex<(size: Int64, isWhole: Bool?)>((0, nil))
    private let news = SystemSemaphore()

    public init() {}

    /// So much of it is there.
    public func grow(to size: Int64) {
        state.withLock { $0.size = size }
        news.post()
    }

    /// Nothing more comes, since it is whole or never will be; what was said first stays.
    public func end(isWhole: Bool) {
        state.withLock { $0.isWhole = $0.isWhole ?? isWhole }
        news.post()
    }

    /// Blocks until there is more than `size`, or nothing more comes; for one thread.
    ///
    /// - Returns: how much there is, which is `size` at its end; nil if it never will be whole.
    public func more(than size: Int64) -> Int64? {
        while true {
            let (found, isWhole) = state.withLock { $0 }
            if isWhole == false { return nil }
            if found > size || isWhole == true { return found }
            news.wait()
        }
    }
}
