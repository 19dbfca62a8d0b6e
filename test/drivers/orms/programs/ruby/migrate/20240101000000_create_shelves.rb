# frozen_string_literal: true

class CreateShelves < ActiveRecord::Migration[6.1]
  def change
    create_table :shelves do |t|
      t.text :tenant_id, null: false, default: "acme"
      t.string :name, null: false, limit: 50
      t.timestamps default: Time.at(0).utc
    end
    create_table :items do |t|
      t.text :tenant_id, null: false, default: "acme"
      t.references :shelf, null: false, foreign_key: true
      t.string :title
      t.index %i[tenant_id title], unique: true
    end
  end
end
