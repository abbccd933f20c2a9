"""CSV on the Web: the four W3C documents of 2015-12-17, one module for each part.

- json_ld, properties, metadata: Metadata Vocabulary for Tabular Data §5 and §6 (`read_metadata`)
- datatypes, values, number_format, date_format, cells: Tabular Data Model §4.6 and §6.4, XML Schema, UAX 35
- dialect, tabular: Metadata Vocabulary §5.9, Tabular Data Model §8; from bytes to rows of cells
- locate, fetch: Tabular Data Model §5; where the metadata of a file is
- annotate, keys: Tabular Data Model §6.1, Metadata Vocabulary §5.5; a description and its file put together
- uri_template: RFC 6570
- rdf, ntriples, iri: Generating RDF from Tabular Data on the Web, a row at a time: the reference path
- columns, emissions, blocks: the same triples a column at a time: the fast path
- convert: one local file with its table, as the build uses it (`convert_table`)
- commands: `dwpld convert` and `dwpld validate`
"""
