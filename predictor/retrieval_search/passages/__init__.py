"""Where passages come from: JSON Lines, Parquet, a folder of text; one after another, in order."""
