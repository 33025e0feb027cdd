internal import Glibc

/// How a store is opened. Every value has a default that suits a small server.
public struct StoreSettings: Sendable {
    /// The engine's own bound on its memory, in its words, while something runs that needs it (`EngineMemory`).
    public var memoryLimit = "600MB"
    /// The same while it writes a Parquet file.
    public var fileMemoryLimit = "800MB"
    /// The same while rows are exported as they lie and nothing else goes on: the engine would fill more with blocks that it
    /// does not need again.
    public var passingMemory = "600MB"
    /// Whether the store is opened for an export and closed after it: what can wait is left to a server, or to a command that writes.
    public var isBrief = false
    /// Threads of the engine, and connections that read; the number of cores.
    public var threads = StoreSettings.cores
    /// Readers that may wait for a connection before `.busy`.
    public var readersWaiting = 256
    /// Connections for exports, apart from the readers.
    public var exportLanes = 2
    public var exportsWaiting = 64
    /// Connections for questions about everybody (segments, lists of events, the catalogue), apart from both.
    public var questionLanes = 2
    public var questionsWaiting = 64
    /// How long such a question may take before it is cut off.
    public var questionLimit: Duration = .seconds(60)
    /// The size of the write-ahead log at which the engine moves it into the file, in its words.
    public var checkpointThreshold = "64MB"
    /// The most items and bytes of the journal in one transaction.
    public var batchItems = 50_000
    public var batchBytes = 16 << 20
    /// How long the applier gathers items before it commits when nobody waits for them.
    public var gathering: Duration = .milliseconds(150)
    /// By how much the engine's threads stand back behind collection, whose callers wait: where processors are short,
    /// what is stored is visible a little later.
    public var niceness: Int32 = 10
    /// Rows of the hot tables at which they become a cold file: a person's history reads all of them.
    public var hotRows: Int64 = 200_000
    /// Rows from which a month has a cold file of its own; fewer share one with other months.
    public var monthRows: Int64 = 20_000
    /// Rows from which a month has several cold files, by identity.
    public var partRows = ColdRun.partRows
    /// How long nothing comes in before the compactor also does what can wait.
    public var idleness: Duration = .seconds(5)
    /// Rows that the engine sorts at once for an export that it writes itself.
    public var sortedRows: Int64 = 800_000
    /// Bytes of rows that are sorted in memory for other exports; more go through a file.
    public var sortedBytes = 40 << 20
    /// Bytes of identities that an export of rows keeps in memory; more are read from a file as they are needed.
    public var identityBytes = 16 << 20
    /// By how much the compactor stands back: behind the applier, whose work is awaited.
    public var compactorNiceness: Int32 = 15
    /// Slots of one generation of the identity cache, a power of two; 24 bytes each, and there are two generations.
    public var identityCacheSlots = 1 << 19

    public init() {}

    static var cores: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
