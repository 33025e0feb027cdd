import Model
import Testing

@testable import EventStore

@Suite("The identity cache")
struct IdentityCacheTests {
    private func hash(_ number: Int) -> Hash128 { Hash128("identity \(number)") }

    @Test func itForgetsTheOldestWhenItIsFullAndSaysSo() {
        var cache = IdentityCache(slots: 64, isComplete: true)
        #expect(cache.capacity == 96)
        for n in 1...96 { cache.remember(hash(n), .init(id: Int64(n), isNamed: n % 2 == 0)) }
        #expect(cache.isComplete)
        #expect((1...96).allSatisfy { cache.find(hash($0)) == .init(id: Int64($0), isNamed: $0 % 2 == 0) })
        cache.remember(hash(97), .init(id: 97, isNamed: false))
        #expect(!cache.isComplete)
        #expect(cache.find(hash(1)) == nil)
        #expect(cache.find(hash(97))?.id == 97)
        #expect(cache.find(hash(96))?.id == 96)
    }

    @Test func whatIsUsedStays() {
        var cache = IdentityCache(slots: 64, isComplete: false)
        cache.remember(hash(0), .init(id: 1_000, isNamed: false))
        for n in 1...2_000 {
            cache.remember(hash(n), .init(id: Int64(n), isNamed: false))
            #expect(cache.find(hash(0))?.id == 1_000)
        }
        #expect(cache.byteCount <= 2 * 64 * 24)
    }

    @Test func namingIsRemembered() {
        var cache = IdentityCache(slots: 64, isComplete: true)
        for n in 1...60 { cache.remember(hash(n), .init(id: Int64(n), isNamed: false)) }
        cache.remember(hash(3), .init(id: 3, isNamed: true))
        #expect(cache.find(hash(3)) == .init(id: 3, isNamed: true))
        #expect(cache.count == 60)
    }

    @Test func anIndexHoldsWhatWasPutIntoIt() {
        var index = HashIndex()
        #expect(index.byteCount == 0)
        #expect(index.find(hash(1)) == nil)
        for n in 1...5_000 { index.set(hash(n), Int64(n)) }
        for n in 1...5_000 where n % 3 == 0 { index.set(hash(n), Int64(n * 2)) }
        #expect(index.count == 5_000)
        #expect((1...5_000).allSatisfy { index.find(hash($0)) == Int64($0 % 3 == 0 ? $0 * 2 : $0) })
        #expect(index.find(hash(5_001)) == nil)
    }
}
