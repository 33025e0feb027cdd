import DuckDB
import Testing

@testable import EventStore

@Suite struct EngineMemoryTests {
    @Test func theLimitIsThatOfTheGreediestWhoRuns() throws {
        var settings = StoreSettings()
        settings.passingMemory = "64MB"
        let database = try Database(path: nil, settings: ["memory_limit": settings.memoryLimit])
        let connection = try database.connect()
        let memory = EngineMemory(settings)
        func limit() throws -> String? {
            try connection.row("SELECT current_setting('memory_limit')")?[0].text
        }
        let usual = try limit()
        try memory.begin(.passing, connection)
        let passing = try limit()
        try memory.begin(.file, connection)
        let file = try limit()
        #expect(Set([usual, passing, file]).count == 3)
        try memory.begin(.usual, connection)
        #expect(try limit() == file)
        memory.end(.file, connection)
        #expect(try limit() == usual)
        memory.end(.usual, connection)
        #expect(try limit() == passing)
        memory.end(.passing, connection)
        #expect(try limit() == usual)
    }
    @Test func aJobThatWasCutOffLeavesNoLimitBehind() throws {
        var settings = StoreSettings()
        settings.passingMemory = "64MB"
        let connection = try Database(path: nil, settings: ["memory_limit": settings.memoryLimit]).connect()
        let memory = EngineMemory(settings)
        func limit() throws -> String? {
            try connection.row("SELECT current_setting('memory_limit')")?[0].text
        }
        let usual = try limit()
        #expect(throws: DuckDBError.self) {
            try connection.job { connection in
                try memory.begin(.passing, connection)
                defer { memory.end(.passing, connection) }
                connection.interrupter.interrupt()
                try connection.execute("SELECT 1")
            }
        }
        #expect(try limit() == usual)
        // Whoever leaves without a connection is put right by the next.
        try memory.begin(.passing, connection)
        try memory.begin(.usual, connection)
        memory.leave(.usual)
        memory.end(.passing, connection)
        #expect(try limit() == usual)
    }
}
