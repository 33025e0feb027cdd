internal import Connectors
public import Model
public import Threads

/// Whose loads they are: a pipeline of one project of one installation. Others may load into the same table.
public struct LoadStream: Sendable, Equatable {
    public let pipeline: String
    /// The installation and the project: each project counts its own `seq`.
    public let installation: String

    public init(pipeline: String, installation: String) {
        self.pipeline = pipeline
        self.installation = installation
    }
}

/// A column of what is loaded; `type` is that of an export's manifest.
public struct LoadColumn: Sendable, Equatable {
    public let name: String
    public let type: String

    public init(_ name: String, _ type: String) {
        self.name = name
        self.type = type
    }
}

/// Rows that are to be loaded: one file, whole, with its manifest beside it.
public struct LoadBatch: Sendable {
    public var stream: LoadStream
    /// The run; loading it again changes nothing.
    public var run: String
    public var dataset: String
    /// Whether the rows are those of the window (seqFrom, seqTo] alone; else all that there are as of `seqTo`.
    public var isIncremental: Bool
    public var seqFrom: Int64
    public var seqTo: Int64
    public var mode: LoadMode
    public var key: [String]
    public var columns: [LoadColumn]
    /// Whether columns that the destination lacks are added to it; else the load is refused.
    public var evolves: Bool
    /// The path of the file; `-` ends in the format's extension.
    public var file: String
    public var format: String
    /// What the file's name ends with, such as `.csv.gz`.
    public var suffix: String
    public var rows: Int64
    public var bytes: Int64
    /// Of the file, in hexadecimal.
    public var sha256: String
    public var manifest: JSONValue
    public var isStale: Bool
    /// Whether the rows may hold what a table has no place for as it is: they are looked through on their way. False where that was done.
    public var mayNeedRepair = true
    /// Where earlier attempts of the stream ended: what was sent up to there is sent alike again.
    public var cuts: [Int64] = []
    /// The column with the rows' `seq`, where they are to be cut by it; `sluice_seq` is there for that alone, and last in each line.
    public var seqColumn: String?
    /// What `seqColumn` is called where the definition names no `seq`.
    public static let addedSeq = "sluice_seq"
    /// Set while the file is still written: where it is meanwhile, and how far it is.
    public var growing: (path: String, growth: Growth)?
    /// Tells rows of one definition from those of another.
    public var shape = ""

    public init(
        stream: LoadStream, run: String, dataset: String, isIncremental: Bool, seqFrom: Int64, seqTo: Int64,
        mode: LoadMode, key: [String], columns: [LoadColumn], evolves: Bool, file: String, format: String,
        suffix: String, rows: Int64, bytes: Int64, sha256: String, manifest: JSONValue, isStale: Bool = false
    ) {
        self.stream = stream
        self.run = run
        self.dataset = dataset
        self.isIncremental = isIncremental
        self.seqFrom = seqFrom
        self.seqTo = seqTo
        self.mode = mode
        self.key = key
        self.columns = columns
        self.evolves = evolves
        self.file = file
        self.format = format
        self.suffix = suffix
        self.rows = rows
        self.bytes = bytes
        self.sha256 = sha256
        self.manifest = manifest
        self.isStale = isStale
    }
}

/// How far a stream's loads are at a destination.
public enum LoadPosition: Sendable, Equatable {
    /// The destination keeps no account.
    case unknown
    /// Nothing is there, not even the table.
    case empty
    /// Everything up to this `seq`.
    case upTo(Int64)
}

/// What a load came to.
public struct LoadReceipt: Sendable, Equatable {
    public var rows: Int64
    /// Whether it had been loaded before, and nothing was done.
    public var wasThere: Bool
    /// What was changed in the destination's schema, for people.
    public var changes: [String]
    /// Up to where the destination has rows, if that is within the window: then nothing was loaded.
    public var reached: Int64?
    /// What reading back found before the load was committed; nil where that is not possible.
    public var readBack: LoadVerification?

    public init(
        rows: Int64, wasThere: Bool = false, changes: [String] = [], reached: Int64? = nil,
        readBack: LoadVerification? = nil
    ) {
        self.readBack = readBack
        self.rows = rows
        self.wasThere = wasThere
        self.changes = changes
        self.reached = reached
    }
}

/// What reading back found.
public struct LoadVerification: Sendable, Equatable {
    /// What was compared, for people.
    public var what: String
    public var expected: Int64
    public var found: Int64

    public var holds: Bool { expected == found }

    /// Why a load that does not hold is taken back.
    var refusal: ConnectorError {
        ConnectorError(
            .refused,
            "nothing was loaded: \(what) would be \(found), and should be \(expected); does a trigger or a rule of the table change what "
                + "comes in?")
    }

    public init(what: String, expected: Int64, found: Int64) {
        self.what = what
        self.expected = expected
        self.found = found
    }
}
